"""General MIDI: names of programs, families and drum keys, aliases, pitch ranges and polyphony. Standard library only.

Names follow the General MIDI 1 Sound Set (MIDI Manufacturers Association, RP-003), drum keys 27-34 and 82-87 GM2/GS.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass

from midi_data.song import DRUM_PROGRAM


@dataclass(frozen=True, slots=True, order=True)
class Instrument:
    """One kind of part: a General MIDI ``program`` (0-based), or a drum kit whose number ``program`` is."""

    program: int
    is_drum: bool = False


# Family name -> its eight programs, in General MIDI order: the n-th family holds programs 8n ... 8n + 7.
_SOUND_SET = {
    "Piano": "Acoustic Grand Piano, Bright Acoustic Piano, Electric Grand Piano, Honky-tonk Piano, Electric Piano 1, "
    "Electric Piano 2, Harpsichord, Clavinet",
    "Chromatic Percussion": "Celesta, Glockenspiel, Music Box, Vibraphone, Marimba, Xylophone, Tubular Bells, Dulcimer",
    "Organ": "Drawbar Organ, Percussive Organ, Rock Organ, Church Organ, Reed Organ, Accordion, Harmonica, "
    "Tango Accordion",
    "Guitar": "Acoustic Guitar (nylon), Acoustic Guitar (steel), Electric Guitar (jazz), Electric Guitar (clean), "
    "Electric Guitar (muted), Overdriven Guitar, Distortion Guitar, Guitar Harmonics",
    "Bass": "Acoustic Bass, Electric Bass (finger), Electric Bass (pick), Fretless Bass, Slap Bass 1, Slap Bass 2, "
    "Synth Bass 1, Synth Bass 2",
    "Strings": "Violin, Viola, Cello, Contrabass, Tremolo Strings, Pizzicato Strings, Orchestral Harp, Timpani",
    "Ensemble": "String Ensemble 1, String Ensemble 2, Synth Strings 1, Synth Strings 2, Choir Aahs, Voice Oohs, "
    "Synth Voice, Orchestra Hit",
    "Brass": "Trumpet, Trombone, Tuba, Muted Trumpet, French Horn, Brass Section, Synth Brass 1, Synth Brass 2",
    "Reed": "Soprano Sax, Alto Sax, Tenor Sax, Baritone Sax, Oboe, English Horn, Bassoon, Clarinet",
    "Pipe": "Piccolo, Flute, Recorder, Pan Flute, Blown Bottle, Shakuhachi, Whistle, Ocarina",
    "Synth Lead": "Lead 1 (square), Lead 2 (sawtooth), Lead 3 (calliope), Lead 4 (chiff), Lead 5 (charang), "
    "Lead 6 (voice), Lead 7 (fifths), Lead 8 (bass + lead)",
    "Synth Pad": "Pad 1 (new age), Pad 2 (warm), Pad 3 (polysynth), Pad 4 (choir), Pad 5 (bowed), Pad 6 (metallic), "
    "Pad 7 (halo), Pad 8 (sweep)",
    "Synth Effects": "FX 1 (rain), FX 2 (soundtrack), FX 3 (crystal), FX 4 (atmosphere), FX 5 (brightness), "
    "FX 6 (goblins), FX 7 (echoes), FX 8 (sci-fi)",
    "Ethnic": "Sitar, Banjo, Shamisen, Koto, Kalimba, Bagpipe, Fiddle, Shanai",
    "Percussive": "Tinkle Bell, Agogo, Steel Drums, Woodblock, Taiko Drum, Melodic Tom, Synth Drum, Reverse Cymbal",
    "Sound Effects": "Guitar Fret Noise, Breath Noise, Seashore, Bird Tweet, Telephone Ring, Helicopter, Applause, "
    "Gunshot",
}

FAMILY_NAMES: tuple[str, ...] = tuple(_SOUND_SET)
PROGRAM_NAMES: tuple[str, ...] = tuple(name for family in _SOUND_SET.values() for name in family.split(", "))

DRUM_KITS: dict[int, str] = {
    DRUM_PROGRAM: "Drums",
    8: "Room Drums",
    16: "Power Drums",
    24: "Electronic Drums",
    25: "808 Drums",
    32: "Jazz Drums",
    40: "Brush Drums",
    48: "Orchestra Percussion",
    56: "Sound Effects Kit",
}

LOWEST_DRUM_KEY, HIGHEST_DRUM_KEY = 27, 87

_DRUM_KEYS = (
    "High Q, Slap, Scratch Push, Scratch Pull, Sticks, Square Click, Metronome Click, Metronome Bell, "
    "Acoustic Bass Drum, Bass Drum 1, Side Stick, Acoustic Snare, Hand Clap, Electric Snare, Low Floor Tom, "
    "Closed Hi-hat, High Floor Tom, Pedal Hi-hat, Low Tom, Open Hi-hat, Low-mid Tom, High-mid Tom, Crash Cymbal 1, "
    "High Tom, Ride Cymbal 1, Chinese Cymbal, Ride Bell, Tambourine, Splash Cymbal, Cowbell, Crash Cymbal 2, "
    "Vibraslap, Ride Cymbal 2, High Bongo, Low Bongo, Mute High Conga, Open High Conga, Low Conga, High Timbale, "
    "Low Timbale, High Agogo, Low Agogo, Cabasa, Maracas, Short Whistle, Long Whistle, Short Guiro, Long Guiro, "
    "Claves, High Woodblock, Low Woodblock, Mute Cuica, Open Cuica, Mute Triangle, Open Triangle, Shaker, "
    "Jingle Bell, Bell Tree, Castanets, Mute Surdo, Open Surdo"
)
DRUM_KEY_NAMES: dict[int, str] = dict(enumerate(_DRUM_KEYS.split(", "), start=LOWEST_DRUM_KEY))

# Aliases by program, singular and lower case: `find_instruments` strips plurals and normalises spellings.
_ALIASES: dict[int, str] = {
    0: "piano, grand, grand piano, acoustic piano, concert piano, klavier, pianno, paino, paino forte, pianoforte, "
    "keyboard, keys, key",
    1: "bright piano, upright piano, pop piano",
    2: "electric grand",
    3: "honky tonk, honkytonk, honkytonk piano, saloon piano, tack piano, bar piano",
    4: "electric piano, e piano, epiano, rhodes, rhode, fender rhodes, wurlitzer, wurli",
    5: "fm piano, dx piano, dx7",
    6: "cembalo, harpsicord, harpsichord, clavecin",
    7: "clavi, clav, clavinette",
    8: "celeste",
    9: "glock, glockenspeil, bells, bell",
    10: "musicbox, musical box",
    11: "vibe, vibraphone, vibra, chromatic percussion, mallet",
    13: "xylo, xylophon",
    14: "tubular bell, chime, church bell",
    15: "hammered dulcimer, cimbalom, hackbrett",
    16: "organ, hammond, hammond organ, b3, electric organ",
    18: "leslie organ",
    19: "pipe organ, church organ, cathedral organ",
    20: "harmonium",
    21: "accordian, squeezebox, akkordeon, accordeon",
    22: "mouth organ, blues harp, harmonika, mouth harp",
    23: "bandoneon, concertina, bandoneón",
    24: "nylon guitar, classical guitar, spanish guitar, flamenco guitar, ukulele, uke, nylon, lute",
    25: "acoustic guitar, steel guitar, folk guitar, western guitar, steel string guitar, 12 string guitar, "
    "twelve string guitar, mandolin, acoustic, bouzouki",
    26: "jazz guitar, hollow body guitar, archtop",
    27: "clean guitar, electric clean guitar, clean electric guitar",
    28: "muted guitar, palm mute, palm muted guitar, palm mute guitar",
    29: "overdrive, overdrive guitar, overdriven, crunch guitar, blues guitar, rock guitar, electric guitar, "
    "electric, e guitar",
    30: "guitar, gitar, guitarr, guitare, gitarre, guiter, gutiar, giutar, axe, distortion, distorted guitar, "
    "distorted, metal guitar, heavy guitar, lead guitar, rhythm guitar, rythm guitar, solo guitar, riff guitar, "
    "fuzz guitar, lead guitarist, guitarist, distorsion guitar",
    31: "guitar harmonic, harmonics",
    32: "upright bass, double bass, string bass, standup bass, stand up bass, walking bass, jazz bass, doublebass",
    33: "bass, electric bass, bass guitar, finger bass, fingered bass, e bass, bassguitar, bassist, basses",
    34: "pick bass, picked bass, metal bass, rock bass",
    35: "fretless",
    36: "slap bass, slapped bass, slap, funk bass",
    38: "synth bass, bass synth, acid bass, sub bass, synthbass",
    40: "violin, violine, violen, violinist, solo violin",
    41: "bratsche",
    42: "violoncello, chello, celo, violoncelle, cellist",
    43: "bowed bass, orchestra bass",
    44: "tremolo",
    45: "pizzicato, pizz",
    46: "harp, concert harp",
    47: "kettledrum, kettle drum, tympani, timp, pauke",
    48: "string, string section, string ensemble, string orchestra, orchestra, ensemble, strings section",
    49: "slow strings",
    50: "synth string, string machine",
    52: "choir, voice, vocal, vocalist, singer, singing, chorus, aah, choir aah, vox, quire, chior, sing, vocals",
    53: "ooh, voice ooh, doo",
    54: "synth vox, synth choir, vocoder, solo vox",
    55: "orchestral hit, orch hit",
    56: "trumpet, trumpit, cornet, flugelhorn, trompete, trumpeter",
    57: "trombon, bone, posaune",
    58: "sousaphone, euphonium",
    59: "harmon trumpet, wah trumpet",
    60: "horn, frenchhorn, waldhorn",
    61: "brass, horns, horn section, brass band, big band",
    62: "synth brass, brass synth",
    64: "soprano saxophone",
    65: "alto saxophone, alto",
    66: "sax, saxophone, saxaphone, saxofone, saxophon, saxo, tenor saxophone, tenor, reed, woodwind, saxes",
    67: "bari sax, baritone saxophone, bari",
    68: "hobo, oboes",
    69: "cor anglais",
    70: "fagott, basoon",
    71: "clarinette, klarinette, clarinett, claranet",
    72: "piccolo flute",
    73: "flute, flutes, flöte, floete, concert flute, flaute, pipe",
    74: "blockflute, tin whistle, penny whistle, low whistle, irish whistle",
    75: "panpipe, pan pipe, panflute, zampona",
    76: "bottle",
    78: "whistling, whistler",
    80: "square lead, square, square wave, chiptune, chip, 8 bit, 8bit, pulse lead, pulse",
    81: "synth, synthesizer, synthesiser, synthie, sinth, synth lead, lead synth, saw lead, sawtooth, saw, lead, "
    "sawtooth lead, supersaw",
    82: "calliope",
    83: "chiff",
    84: "charang, synth guitar",
    85: "voice lead, vox lead, solo voice",
    86: "fifths, fifth, fifths lead",
    88: "new age, new age pad, fantasia",
    89: "pad, synth pad, warm pad",
    90: "polysynth, poly synth",
    91: "choir pad, space voice",
    92: "bowed glass, bowed pad",
    93: "metallic pad, metal pad",
    94: "halo pad",
    95: "sweep pad",
    96: "rain, ice rain",
    97: "soundtrack",
    98: "crystal, synth effect, fx",
    99: "atmosphere",
    100: "brightness",
    101: "goblin",
    102: "echo, echoes",
    103: "sci fi, scifi",
    104: "ethnic",
    105: "banjoe, bango",
    106: "samisen",
    108: "thumb piano, mbira",
    109: "bag pipe, pipes, bagpiper, great pipe, uilleann pipe, dudelsack",
    110: "folk violin, country violin",
    111: "shehnai, shenai",
    112: "tinkle bells",
    114: "steel drum, steelpan, steel pan, pan drum, percussive",
    115: "wood block",
    116: "taiko",
    117: "tom",
    118: "synth drum, synth tom",
    122: "sea, ocean, waves, wave",
    123: "bird, birds, tweet, birdsong",
    124: "telephone, phone",
    126: "clapping, crowd, sound effect, sfx",
}
_DRUM_ALIASES: dict[int, str] = {
    DRUM_PROGRAM: "drum, drumkit, drum kit, drumset, drum set, drummer, drumms, percussion, perc, beat, kit, trap kit, "
    "schlagzeug, batterie, rock drum, standard drum, standard kit, live drum",
    8: "room kit",
    16: "power kit, metal drum, rock kit",
    24: "electronic kit, electric drum, techno drum",
    25: "808, tr 808, tr808, 808 kit, drum machine, analog drum, drum computer",
    32: "jazz kit",
    40: "brush, brush kit",
    48: "orchestral percussion, orchestra kit",
    56: "sfx kit",
}

# Words that name several players.
_GROUPS: dict[str, tuple[str, ...]] = {
    "rhythm section": ("bass", "drum"),
    "bass and drum": ("bass", "drum"),
    "drum and bass": ("drum", "bass"),
    "drum n bass": ("drum", "bass"),
    "power trio": ("drum", "bass", "lead guitar"),
    "rock band": ("drum", "bass", "rhythm guitar", "lead guitar"),
    "string quartet": ("violin", "violin", "viola", "cello"),
    "string trio": ("violin", "viola", "cello"),
    "piano trio": ("piano", "violin", "cello"),
    "jazz trio": ("piano", "walking bass", "drum"),
    "brass quintet": ("trumpet", "trumpet", "french horn", "trombone", "tuba"),
    "wind quintet": ("flute", "oboe", "clarinet", "french horn", "bassoon"),
}

_COUNTS = {"a": 1, "an": 1, "the": 1, "one": 1, "1": 1, "two": 2, "2": 2, "three": 3, "3": 3, "four": 4, "4": 4}
_COUNTS |= {"twin": 2, "double": 2, "dual": 2}

# Programs of plain words by genre: a folk guitar is not distorted.
_GENRE_SOUNDS: dict[str, dict[str, int]] = {
    "heavy-metal": {"bass": 34},
    "rock": {"guitar": 29, "rhythm guitar": 29},
    "blues": {"guitar": 27, "rhythm guitar": 27, "lead guitar": 29},
    "jazz": {"guitar": 26, "rhythm guitar": 26, "lead guitar": 26, "electric guitar": 26, "bass": 32},
    "pop": {"guitar": 27, "rhythm guitar": 27, "lead guitar": 29},
    "folk": {"guitar": 25, "rhythm guitar": 25, "lead guitar": 25, "bass": 32},
    "classical": {"guitar": 24, "rhythm guitar": 24, "lead guitar": 24, "bass": 43, "double bass": 43},
    "game": {"bass": 38, "synth": 80},
}

# Lowest and highest pitch, by the first program of a run that shares them. Drop tunings, five-string basses, pedal
# tones and a good player's top notes are included.
_RANGES: dict[int, tuple[int, int]] = {
    0: (21, 108), 6: (28, 91), 7: (28, 91), 8: (60, 108), 9: (72, 108), 10: (48, 108), 11: (48, 89), 12: (36, 96),
    13: (60, 108), 14: (53, 84), 15: (48, 96), 16: (24, 108), 20: (29, 96), 21: (33, 101), 22: (43, 103), 23: (33, 101),
    24: (35, 93), 31: (40, 108), 32: (23, 67), 38: (21, 72), 40: (55, 105), 41: (48, 93), 42: (36, 88), 43: (23, 72),
    44: (24, 105), 46: (23, 104), 47: (36, 60), 48: (24, 105), 50: (24, 108), 52: (36, 86), 54: (36, 96), 55: (24, 96),
    56: (52, 88), 57: (34, 77), 58: (24, 67), 59: (52, 88), 60: (34, 79), 61: (34, 88), 62: (28, 98), 64: (56, 92),
    65: (49, 88), 66: (44, 84), 67: (36, 76), 68: (58, 93), 69: (52, 84), 70: (34, 77), 71: (49, 96), 72: (74, 108),
    73: (59, 98), 74: (53, 98), 75: (55, 98), 76: (48, 96), 77: (50, 98), 78: (60, 108), 79: (57, 93), 80: (24, 108),
    104: (36, 86), 105: (48, 91), 106: (45, 88), 107: (36, 91), 108: (48, 93), 109: (45, 86), 110: (55, 105),
    111: (55, 91), 112: (60, 108), 113: (48, 96), 114: (40, 96), 115: (24, 108),
}  # fmt: skip

# Most simultaneous notes, by the same runs: winds and voices 2 (one and a legato overlap), bowed strings and basses
# double stops, guitars six strings, keyboards ten fingers, sections about six.
_POLYPHONY: dict[int, int] = {
    0: 10, 8: 4, 11: 4, 15: 4, 16: 10, 21: 8, 22: 3, 23: 8, 24: 6, 31: 4, 32: 2, 40: 2, 44: 6, 46: 8, 47: 2, 48: 6,
    56: 2, 61: 6, 64: 2, 86: 2, 88: 6, 104: 4, 109: 3, 110: 2, 111: 1, 112: 3, 115: 2, 120: 2,
}  # fmt: skip
# Families from the top of a score down; voices and leads of a band stand above its rhythm section.
_SCORE_ORDER = (
    "Pipe", "Reed", "Brass", "Synth Lead", "Ethnic", "Guitar", "Chromatic Percussion", "Percussive", "Organ", "Piano",
    "Synth Pad", "Synth Effects", "Sound Effects", "Ensemble", "Strings", "Bass",
)  # fmt: skip
_SCORE_VOICES = (52, 53, 54, 85)
"""Programs of singers, the first staves of a band's score."""
DRUM_POLYPHONY = 5
"""Most simultaneous drum strokes: two hands, two feet, one sound that still rings."""


def family_name(program: int) -> str:
    """The family of ``program`` (0-127)."""
    return FAMILY_NAMES[program // 8]


def instrument_name(program: int, is_drum: bool = False) -> str:
    """Return the name of a part; `find_instruments` finds every such name."""
    if is_drum:
        return DRUM_KITS.get(program, f"Drum Kit {program}")
    return PROGRAM_NAMES[program]


def score_position(program: int, is_drum: bool = False) -> tuple[int, int]:
    """Sorts parts from the top staff down: voices, winds, brass, guitars, keys, strings, bass, drums."""
    if is_drum:
        return len(_SCORE_ORDER) + 1, program
    if program in _SCORE_VOICES:
        return 0, program
    return 1 + _SCORE_ORDER.index(family_name(program)), program


def drum_key_name(pitch: int) -> str:
    """Return the name of a drum key (0-127), its number outside the table."""
    return DRUM_KEY_NAMES.get(pitch, f"Drum Key {pitch}")


def playable_range(program: int, is_drum: bool = False) -> tuple[int, int]:
    """Return the lowest and highest pitch of the instrument, both included."""
    if is_drum:
        return LOWEST_DRUM_KEY, HIGHEST_DRUM_KEY
    return _RANGES[max(first for first in _RANGES if first <= program)]


def usual_polyphony(program: int, is_drum: bool = False) -> int:
    """Return the most notes that the instrument sounds at once."""
    return DRUM_POLYPHONY if is_drum else _POLYPHONY[max(first for first in _POLYPHONY if first <= program)]


def normalize_instrument(text: str) -> str:
    """Return ``text`` as instruments are compared: lower case, no accents or brackets, words joined by one space."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^\w]+|_", " ", bare).split())


def find_instruments(text: str, genre: str = "") -> tuple[Instrument, ...] | None:
    """Return the instruments that one entry of a band list names, or ``None`` for an unknown one.

    "two guitars" and "string quartet" are several. ``genre`` (canonical) chooses the program of a plain word such as
    "guitar"; an exact General MIDI name always means itself.
    """
    plain = normalize_instrument(text)
    count, _, rest = plain.partition(" ")
    if (found := _look_up(plain, genre)) is not None:
        return found
    if count in _COUNTS and (found := _look_up(rest, genre)) is not None:
        return found * _COUNTS[count]
    return None


def similar_instruments(text: str, count: int = 3) -> list[str]:
    """Return up to ``count`` known words similar to ``text``, best first."""
    return difflib.get_close_matches(normalize_instrument(text), [*_WORDS, *_GROUPS], n=count, cutoff=0.6)


def instrument_words() -> dict[Instrument, list[str]]:
    """Return the accepted spellings of each instrument: the official name first, then the aliases."""
    words: dict[Instrument, list[str]] = {}
    programs = dict(enumerate(PROGRAM_NAMES))
    for is_drum, names, aliases in ((False, programs, _ALIASES), (True, DRUM_KITS, _DRUM_ALIASES)):
        for program, name in names.items():
            words[Instrument(program, is_drum)] = [name, *filter(None, aliases.get(program, "").split(", "))]
    return words


def instrument_groups() -> tuple[str, ...]:
    """Return the words that name several players at once."""
    return tuple(_GROUPS)


def _singular(plain: str) -> str:
    """Return ``plain`` without the plural s of each word; bass, brass and chorus keep theirs."""
    return re.sub(r"(?<=\w{2})(?<![su])s\b", "", plain)


def _look_up(plain: str, genre: str) -> tuple[Instrument, ...] | None:
    return _exactly(plain, genre) or _exactly(_singular(plain), genre)


def _exactly(plain: str, genre: str) -> tuple[Instrument, ...] | None:
    if plain in _GROUPS:
        return tuple(player for word in _GROUPS[plain] for player in _look_up(word, genre) or ())
    if (number := re.fullmatch(r"drum kit ([0-9]{1,3})", plain)) and int(number[1]) <= 127:
        return (Instrument(int(number[1]), is_drum=True),)
    found = _WORDS.get(plain)
    return None if found is None else (_in_style(plain, found, genre),)


def _in_style(plain: str, found: Instrument, genre: str) -> Instrument:
    sounds = _GENRE_SOUNDS.get(genre, {})
    word = "guitar" if plain in _MISSPELT_GUITARS else plain
    if plain in _NAMES or word not in sounds:
        return found
    return Instrument(sounds[word])


def _word_table() -> dict[str, Instrument]:
    table: dict[str, Instrument] = {}
    for instrument, words in instrument_words().items():
        for word in words[1:]:
            table.setdefault(normalize_instrument(word), instrument)
    return table | _NAMES


_MISSPELT_GUITARS = {"gitar", "guitarr", "guitare", "gitarre", "guiter", "gutiar", "giutar", "axe", "guitarist"}
_NAMES = {normalize_instrument(words[0]): instrument for instrument, words in instrument_words().items()}
_NAMES |= {_singular(name): instrument for name, instrument in _NAMES.items()}
_WORDS = _word_table()
