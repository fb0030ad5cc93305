import numpy as np
import pytest

from composer.audio.sampler.synth import MONO, Panning, play
from composer.audio.signal import SAMPLE_RATE, Audio
from midi_data.song import Note, Song, Tempo, Track

SQUARE_LEAD, GUITAR, ORGAN = 80, 30, 19


def one(program: int, *notes: Note, is_drum: bool = False, bpm: float = 120.0) -> Song:
    return Song((Track(program, is_drum, notes),), tempos=(Tempo(0, bpm),), end=192)


def heard(song: Song, seconds: float = 2.0, take: int = 0) -> Audio:
    return play(song.tracks[0], song, seconds, take=take)


def level(sound: Audio, begin: float, end: float) -> float:
    part = sound[round(begin * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
    return float(10 * np.log10(np.square(part, dtype=np.float64).mean() + 1e-20))


@pytest.mark.parametrize(("pitch", "hertz"), [(57, 220.0), (69, 440.0), (81, 880.0)])
def test_a_key_sounds_at_its_pitch(pitch: int, hertz: float) -> None:
    sound = heard(one(SQUARE_LEAD, Note(0, pitch, 96, 100)))[:, 0][SAMPLE_RATE // 4 : SAMPLE_RATE * 5 // 4]
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    near = np.abs(np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE) - hertz) < 6
    assert power[near].max() > 0.2 * power.max()


@pytest.mark.parametrize("bpm", [60.0, 120.0, 240.0])
def test_a_note_begins_when_the_tempo_says(bpm: float) -> None:
    sound = heard(one(ORGAN, Note(24, 60, 24, 100), bpm=bpm))
    first = np.flatnonzero(np.abs(sound[:, 0]) > 1e-4)[0] / SAMPLE_RATE
    assert first == pytest.approx(60 / bpm, abs=0.02)


def test_a_held_note_lasts_and_a_released_one_dies_away() -> None:
    sound = heard(one(ORGAN, Note(0, 60, 24, 100)))
    assert level(sound, 0.1, 0.2) == pytest.approx(level(sound, 0.35, 0.45), abs=3)
    assert level(sound, 1.5, 2.0) < level(sound, 0.1, 0.2) - 60


def test_velocity_is_loudness() -> None:
    soft, loud = (heard(one(GUITAR, Note(0, 45, 24, velocity))) for velocity in (32, 127))
    assert level(loud, 0.0, 0.5) - level(soft, 0.0, 0.5) == pytest.approx(40 * np.log10(127 / 32), abs=0.1)


def test_the_closing_hi_hat_silences_the_open_one() -> None:
    ringing = heard(one(0, Note(0, 46, 6, 120), is_drum=True))
    choked = heard(one(0, Note(0, 46, 6, 120), Note(24, 42, 6, 1), is_drum=True))
    assert level(choked, 0.55, 0.8) < level(ringing, 0.55, 0.8) - 15


def test_what_lies_beyond_the_end_is_cut_and_does_no_harm() -> None:
    sound = heard(one(GUITAR, Note(0, 45, 24, 100), Note(180, 45, 24, 100)), seconds=1.0)
    assert sound.shape == (SAMPLE_RATE, 2)
    assert np.isfinite(sound).all()


@pytest.mark.parametrize("pitch", [0, 127])
def test_the_outermost_keys_do_no_harm(pitch: int) -> None:
    assert np.isfinite(heard(one(GUITAR, Note(0, pitch, 24, 127)))).all()


def test_another_take_is_another_performance_and_always_the_same() -> None:
    song = one(GUITAR, *(Note(tick, 45, 12, 100) for tick in range(0, 96, 24)))
    first, second, again = (heard(song, take=take) for take in (0, 1, 1))
    assert not np.array_equal(first, second)
    assert np.array_equal(second, again)
    assert level(second, 0, 2) == pytest.approx(level(first, 0, 2), abs=1)


@pytest.mark.parametrize(
    ("program", "is_drum", "pitches"),
    [(30, False, (40, 47, 52)), (34, False, (28, 33, 40)), (0, False, (48, 60, 72)), (66, False, (50, 60, 67)),
     (19, False, (48, 60, 72)), (0, True, (36, 38, 42, 49))],
)  # fmt: skip
def test_it_sounds_like_an_independent_synthesiser(program: int, is_drum: bool, pitches: tuple[int, ...]) -> None:
    import io
    import wave

    import midirenderer

    from composer.audio.sampler.fonts import bundled_font
    from midi_data.io.midi_writer import midi_bytes

    notes = tuple(Note(48 * index, pitch, 40, 100) for index, pitch in enumerate(pitches))
    song = one(program, *notes, is_drum=is_drum)
    with wave.open(io.BytesIO(midirenderer.render_wave_from(bundled_font().read_bytes(), midi_bytes(song)))) as file:
        theirs = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).mean(axis=1)
    ours = heard(song, seconds=4.0).mean(axis=1)

    def spectra(sound: np.ndarray) -> np.ndarray:
        blocks = sound[: 3 * SAMPLE_RATE // 4800 * 4800].astype(float).reshape(-1, 4800)
        return np.abs(np.fft.rfft(blocks * np.hanning(4800), axis=1))

    mine, other = spectra(ours), spectra(theirs)
    assert (mine * other).sum() / np.sqrt(np.square(mine).sum() * np.square(other).sum()) > 0.9


@pytest.mark.parametrize(("program", "is_drum"), [(0, False), (0, True)])
def test_channels_are_made_of_left_and_right_as_the_panning_says(program: int, is_drum: bool) -> None:
    song = one(program, Note(0, 42, 24, 100), Note(24, 49, 24, 80), is_drum=is_drum)
    left, right = heard(song).T
    panning: Panning = ((0.7, 0.2), (-0.1, 0.9))
    for channel, (of_left, of_right) in zip(play(song.tracks[0], song, 2.0, panning=panning).T, panning, strict=True):
        assert channel == pytest.approx(of_left * left + of_right * right, abs=1e-6)
    assert play(song.tracks[0], song, 2.0, panning=MONO)[:, 0] == pytest.approx((left + right) / 2, abs=1e-6)
