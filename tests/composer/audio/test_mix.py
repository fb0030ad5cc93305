from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from composer.audio.genre_mix import GENRE_MIXES, GenreMix, genre_mix
from composer.audio.mastering import CEILING_DBTP, TARGET_LUFS, integrated_loudness, true_peak
from composer.audio.mix import TAIL_SECONDS, mix, stems, unmastered_mix
from composer.audio.signal import SAMPLE_RATE, Audio, decibels
from midi_data.song import Meter, Note, Song, Tempo, Track

NEUTRAL = GenreMix(0, 0.05, 0, 0, 1, 1, 0, 0, 0, "no correction, no reverberation")


@pytest.fixture(scope="module")
def mixed(render_band: Song) -> Audio:
    return mix(render_band)


def test_the_mix_is_as_long_as_the_song_and_its_tail(mixed: Audio, render_band: Song) -> None:
    assert len(mixed) == round((render_band.duration_seconds + TAIL_SECONDS) * SAMPLE_RATE)
    assert mixed.dtype == np.float32


def test_it_has_the_loudness_and_the_peak_that_networks_ask_for(mixed: Audio) -> None:
    assert integrated_loudness(mixed) == pytest.approx(TARGET_LUFS, abs=1)
    assert decibels(true_peak(mixed)) < CEILING_DBTP + 0.2


def test_it_is_clean(mixed: Audio) -> None:
    assert np.isfinite(mixed).all()
    assert np.abs(mixed.mean(axis=0)).max() < 1e-4


def test_the_song_rings_out_instead_of_being_cut(mixed: Audio, render_band: Song) -> None:
    end = round(render_band.duration_seconds * SAMPLE_RATE)
    after = np.sqrt(np.square(mixed[end:]).reshape(-1, SAMPLE_RATE // 4, 2).mean(axis=(1, 2)))
    assert after[0] > 1e-3
    assert np.abs(mixed[-50:]).max() < 1e-4
    assert (np.diff(after) <= 1e-4).all()


@pytest.mark.parametrize("genre", GENRE_MIXES)
@pytest.mark.parametrize("velocity", [20, 127])
def test_every_part_can_be_heard_at_any_velocity(
    genre: str, velocity: int, render_band: Song, soundfont_file: Path
) -> None:
    assert soundfont_file.is_file()
    drums, *others = render_band.tracks
    played = [replace(track, notes=tuple(replace(n, velocity=velocity) for n in track.notes)) for track in others]
    song = replace(render_band, tracks=(drums, *played))
    sounds = dict(stems(song, GENRE_MIXES[genre]))
    total = integrated_loudness(np.sum(list(sounds.values()), axis=0))
    for track, sound in sounds.items():
        assert integrated_loudness(sound) > total - 15, track.name


@pytest.mark.parametrize("genre", GENRE_MIXES)
def test_every_genre_has_the_target_loudness_with_either_font(
    genre: str, render_band: Song, soundfont_file: Path
) -> None:
    assert soundfont_file.is_file()
    mixed = mix(render_band, genres={genre: 1.0})
    assert integrated_loudness(mixed) == pytest.approx(TARGET_LUFS, abs=1)
    assert decibels(true_peak(mixed)) < CEILING_DBTP + 0.2


def test_the_stems_add_up_to_the_unmastered_mix(render_band: Song) -> None:
    settings = genre_mix({"pop": 0.5, "jazz": 0.5})
    sounds = [sound for _, sound in stems(render_band, settings)]
    assert len(sounds) == len(render_band.tracks)
    assert np.sum(sounds, axis=0) == pytest.approx(unmastered_mix(render_band, settings), abs=1e-5)


def test_a_genre_changes_the_mix(render_band: Song) -> None:
    assert not np.array_equal(mix(render_band, genres={"folk": 1.0}), mix(render_band, genres={"rock": 1.0}))


def test_a_part_composed_too_soft_is_brought_up(render_band: Song) -> None:
    guitar = render_band.tracks[2]
    faint = replace(guitar, notes=tuple(replace(note, velocity=20) for note in guitar.notes))
    ((_, sound),) = stems(replace(render_band, tracks=(faint,)), NEUTRAL)
    assert integrated_loudness(sound) == pytest.approx(-21, abs=1)


def test_guitars_are_on_their_sides_and_drums_and_bass_in_the_middle(render_band: Song) -> None:
    drums, bass, left, right, _ = (
        10 * np.log10(np.square(sound[:, 0]).mean() / np.square(sound[:, 1]).mean())
        for _, sound in stems(render_band, NEUTRAL)
    )
    assert left > 6
    assert right < -6
    assert abs(bass) < 0.1
    assert abs(drums) < 1.5


def test_a_lone_guitar_fills_both_sides() -> None:
    track = Track(30, is_drum=False, notes=tuple(Note(tick, 40, 12, 100) for tick in range(0, 192, 12)))
    ((_, sound),) = stems(Song((track,)), NEUTRAL)
    left, right = sound.T
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.9
    assert 10 * np.log10(np.square(left).mean() / np.square(right).mean()) == pytest.approx(0, abs=2)


def test_the_same_song_gives_the_same_samples(mixed: Audio, render_band: Song) -> None:
    assert np.array_equal(mix(render_band), mixed)


@pytest.mark.parametrize(
    "song",
    [
        Song((), end=96),
        Song((Track(30, is_drum=False),), end=96),
        Song((), end=0),
        Song((Track(0, is_drum=True, notes=(Note(0, 0, 1, 1),)),), end=96),
    ],
)
def test_songs_that_hardly_sound_are_still_valid_sound(song: Song) -> None:
    sound = mix(song)
    assert len(sound) == round((song.duration_seconds + TAIL_SECONDS) * SAMPLE_RATE)
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() <= 1


def test_changes_of_tempo_and_meter_move_the_notes() -> None:
    track = Track(0, is_drum=True, notes=(Note(0, 38, 6, 120), Note(48, 38, 6, 120)))
    song = Song((track,), tempos=(Tempo(0, 120), Tempo(24, 60)), meters=(Meter(0, 3, 4), Meter(72, 4, 4)), end=96)
    envelope = np.abs(mix(song)).max(axis=1)
    begins = np.flatnonzero((envelope > 0.05) & (np.concatenate(([0], envelope[:-1])) <= 0.05)) / SAMPLE_RATE
    assert begins[0] == pytest.approx(0, abs=0.02)
    assert np.abs(begins - 1.5).min() < 0.02


def test_progress_rises_to_the_master(render_band: Song) -> None:
    told: list[float] = []
    mix(render_band, told.append)
    assert told == sorted(told)
    assert 0 < told[0] < told[-1] <= 1


def test_blas_has_one_thread_while_parts_are_played(render_band: Song) -> None:
    with threadpool_limits(2, user_api="blas"):
        parts = stems(render_band, NEUTRAL)
        next(parts)
        assert {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"} == {1}
        parts.close()
