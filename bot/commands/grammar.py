"""The command words in one table, from which parser, help, OpenAPI, page, CLI help and docs are made.

Standard library only. `bot.commands.tokenizer` splits texts, `bot.commands.values` reads the values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verb = Literal["compose", "replace", "extend", "vary", "again", "help", "genres", "stop"]
RevisionVerb = Literal["replace", "extend", "vary", "again"]


@dataclass(frozen=True, slots=True)
class CommandWord:
    """One word that sets ``field``.

    ``names``: without the slash, the short one first. ``meaning``: what it sets, with unit and range. ``brief``: the
    same for a reply of 280 characters. ``examples``: accepted spellings, the first one for short help. ``default``:
    what is used without it. ``flag_value``: the value of a word that takes none.
    """

    field: str
    names: tuple[str, ...]
    meaning: str
    brief: str
    examples: tuple[str, ...]
    default: str
    flag_value: str | None = None

    @property
    def slash_names(self) -> tuple[str, ...]:
        """The names as typed: ``("/g", "/genre")``."""
        return tuple(f"/{name}" for name in self.names)


WORDS: tuple[CommandWord, ...] = (
    CommandWord(
        "genre", ("g", "genre"), "genre, or a blend of up to four", "genre or blend a+b",
        ("metal", "Heavy Metal", "metal+jazz", "metal:0.7+jazz:0.3"), "heavy-metal",
    ),
    CommandWord(
        "tempo", ("t", "tempo"), "beats a minute, 40 to 300", "bpm 40–300",
        ("160", "160 bpm", "92,5"), "the genre's usual tempo",
    ),
    CommandWord(
        "randomness", ("r", "randomness"), "0 careful to 1 wild", "0–1",
        ("0.2", ".2", "0,2", "20%"), "0.5",
    ),
    CommandWord(
        "length", ("l", "length"), "seconds, 10 to 140", "10–140 s",
        ("45", "1:30", "2 min"), "45",
    ),
    CommandWord(
        "band", ("i", "band"), "instruments, up to 16", "drums,bass",
        ("drums,bass,lead guitar", "two violins and piano"), "the genre's band",
    ),
    CommandWord(
        "key", ("k", "key"), "key, major or minor", "Dm",
        ("Dm", "F# major", "B flat minor"), "drawn",
    ),
    CommandWord(
        "chords", ("c", "chords"), "chords, one a bar, repeated over the song; two in a bar joined by -; up to 32 bars",
        "Am F C G", ("Am F C G", "Dm7 | G7 | Cmaj7", "E5-G5, A5"), "the band's own",
    ),
    CommandWord(
        "seed", ("s", "seed"), "number that repeats a song exactly", "seed",
        ("42",), "drawn, and reported",
    ),
    CommandWord(
        "sampling", ("e", "embedding"), "sample in embedding space", "embedding",
        (), "sampling by probability", flag_value="embedding",
    ),
    CommandWord(
        "variation", ("v", "variation"), "number: other notes over the plan of the seed, 0 to 999999", "variation",
        ("7",), "0",
    ),
)  # fmt: skip
# In order of precedence: stop first, then the verbs that make a song.
VERBS: tuple[Verb, ...] = ("stop", "compose", "replace", "extend", "vary", "again", "help", "genres")
REVISION_VERBS: tuple[RevisionVerb, ...] = ("replace", "extend", "vary", "again")
"""Verbs that make a new song from the one replied to."""
PARTS_FIELD = "replace"
"""The field of the parts named behind ``/replace``."""
VERB_MEANINGS: dict[Verb, str] = {
    "compose": "a song",
    "help": "these words, in short",
    "genres": "the genres on offer",
    "again": "the song you reply to, with a new seed; other words change it",
    "vary": "the song you reply to, with the same plan and new notes",
    "extend": "the song you reply to, 30 seconds longer, or as long as /l says; it begins with the same notes",
    "replace": "the song you reply to, with the named parts composed anew; the others keep every note",
    "stop": "the bot never answers you again",
}

WORD_BY_NAME: dict[str, CommandWord] = {name: word for word in WORDS for name in word.names}
WORD_BY_FIELD: dict[str, CommandWord] = {word.field: word for word in WORDS}
ALL_NAMES: tuple[str, ...] = (*VERBS, *WORD_BY_NAME)
FIELD_NAMES: tuple[str, ...] = ("title", *WORD_BY_FIELD)
OTHER_FIELD_NAMES = {"tempo_bpm": "tempo", "length_seconds": "length", "genres": "genre", "parts": "band"}
"""Names in ``ComposeRequest`` and in a song's JSON that mean the same fields."""


def field_description(field: str) -> str:
    """Meaning, examples and default of ``field`` in one line, for OpenAPI and CLI help."""
    word = WORD_BY_FIELD[field]
    if word.flag_value:
        return f"probability or {word.flag_value} (default: probability)"
    return f"{word.meaning}, e.g. {word.examples[-1]} (default: {word.default})"


def usage() -> str:
    """One line that names every word, for clients that sent no song command."""
    words = ", ".join(f"/{word.names[0]}" + ("" if word.flag_value else f" {word.field.upper()}") for word in WORDS)
    return f"write a title, then /compose and any of {words}"
