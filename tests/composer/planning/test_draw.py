"""Outlines drawn from a checkpoint: core roles play, no bar is silent, requests are obeyed."""

from __future__ import annotations

import numpy as np
import pytest

from composer.decoding.generate import Composer
from composer.model.checkpoint import Checkpoint, load_checkpoint
from composer.planning.chart import Chart
from composer.planning.draw import CORE_SHARE, MOST_WITHOUT_CHORD, draw_outline, shortfall
from composer.planning.form import plays_role
from composer.planning.outline import Outline
from composer.planning.plan import plan_song
from composer.planning.requested import core_of, leading_genre
from composer.request import ComposeRequest, KeyRequest, PartRequest
from midi_data.analysis.activity import RESTS, activity_of
from midi_data.bars import BarGrid
from midi_data.events.encoding import encode, part_code
from tests.composer.checkpoints import tiny_checkpoint

DRUMS, BASS = part_code(0, is_drum=True), part_code(33, is_drum=False)


@pytest.fixture(scope="module")
def shipped() -> Checkpoint:
    return load_checkpoint()


def outline(checkpoint: Checkpoint, seed: int, **request: object) -> Outline:
    given = ComposeRequest.model_validate({"genres": {"heavy-metal": 1.0}, "length_seconds": 30, **request})
    return draw_outline(given, checkpoint, np.random.default_rng(seed), None)


@pytest.mark.parametrize("genre", ["heavy-metal", "rock", "jazz"])
def test_core_roles_play_and_no_bar_is_silent(shipped: Checkpoint, genre: str) -> None:
    enough = 0
    for seed in range(4):
        drawn = outline(shipped, seed, genres={genre: 1.0})
        assert (drawn.activity > RESTS).any(axis=1).all()
        for role in core_of(genre):
            columns = [column for column, part in enumerate(drawn.band) if plays_role(part, role)]
            assert columns
            enough += (drawn.activity[:, columns] > RESTS).any(axis=1).mean() >= CORE_SHARE - 0.05
    assert enough >= 0.9 * 4 * len(core_of(genre))


def test_an_outline_is_of_one_shape(shipped: Checkpoint) -> None:
    drawn = outline(shipped, 1, genres={"jazz": 1.0})
    bars, parts = drawn.facts.bars, len(drawn.band)
    assert drawn.repetition.shape == drawn.source_lag.shape == (bars,)
    assert drawn.activity.shape == drawn.part_repetition.shape == (bars, parts)
    assert drawn.chords is not None
    assert drawn.chords.shape == (bars, 2)
    assert set(drawn.masks.pitch) == set(drawn.attribute_histograms) == set(drawn.band)
    assert drawn.facts.density > 0


def test_a_plan_uses_the_raw_stream_only(shipped: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    # What numpy's generators make of the stream may change with its version.
    monkeypatch.delattr(np.random, "Generator")
    monkeypatch.delattr(np.random, "default_rng")
    request = ComposeRequest.model_validate({"genres": {"jazz": 0.5, "blues": 0.5}, "length_seconds": 15, "seed": 4})
    assert plan_song(request, shipped).bars > 0


def test_the_same_seed_draws_the_same_outline(shipped: Checkpoint) -> None:
    one, again, other = (outline(shipped, seed) for seed in (1, 1, 2))
    assert one.band == again.band
    assert np.array_equal(one.activity, again.activity)
    assert not np.array_equal(one.activity, other.activity) if one.activity.shape == other.activity.shape else True


def test_asked_band_key_tempo_and_chords_are_taken(shipped: Checkpoint) -> None:
    drawn = outline(
        shipped, 3, band=(PartRequest(program=0, is_drum=True), PartRequest(program=33)),
        key=KeyRequest(tonic=2, mode="minor"), tempo_bpm=97, chords=("Dm", "A"),
    )  # fmt: skip
    assert drawn.band == (DRUMS, BASS)
    assert drawn.facts.tempo_bpm == 97
    assert drawn.facts.key == 1 + 12 + 2
    assert drawn.chords is not None
    assert np.array_equal(drawn.chords[:2], drawn.chords[2:4])


def test_a_band_of_drums_has_no_chords(shipped: Checkpoint) -> None:
    assert outline(shipped, 4, band=(PartRequest(program=0, is_drum=True),)).chords is None


def chart(activity: np.ndarray, chord: int = 5) -> Chart:
    bars = len(activity)
    return Chart(np.ones(bars, dtype=np.int64), np.full(bars, 16), np.full((bars, 2), chord), activity)


def test_shortfall_counts_rare_roles_silent_bars_and_idle_parts() -> None:
    band, activity = (DRUMS, BASS), np.full((20, 2), 4)
    assert shortfall(chart(activity), band, ["drums", "bass"]) == 0
    activity[:16, 1] = RESTS
    assert shortfall(chart(activity), band, ["drums", "bass"]) == pytest.approx(CORE_SHARE - 0.2)
    activity[:16] = RESTS
    assert shortfall(chart(activity), band, []) == pytest.approx(0.8)
    activity[:, 1] = RESTS
    assert shortfall(chart(activity), band, []) == pytest.approx(0.5 + 0.8)


def test_a_chart_without_chords_falls_short_unless_the_band_is_drums() -> None:
    activity = np.full((20, 2), 4)
    assert shortfall(chart(activity, 0), (DRUMS, BASS), []) == pytest.approx(1 - MOST_WITHOUT_CHORD)
    assert shortfall(chart(activity[:, :1], 0), (DRUMS,), []) == 0


def test_the_genre_of_a_blend_is_drawn_by_weight() -> None:
    request = ComposeRequest(genres={"heavy-metal": 0.7, "jazz": 0.3})
    led = [leading_genre(request, np.random.default_rng(seed)) for seed in range(400)]
    assert 0.63 < np.mean([name == "heavy-metal" for name in led]) < 0.77


def test_one_genre_needs_no_drawing() -> None:
    generator = np.random.default_rng(1)
    before = generator.bit_generator.state
    assert leading_genre(ComposeRequest(genres={"jazz": 1.0}), generator) == "jazz"
    assert generator.bit_generator.state == before


@pytest.mark.parametrize("seed", range(3))
def test_a_song_rests_where_its_activity_rests(seed: int) -> None:
    composer = Composer(tiny_checkpoint())
    band = (PartRequest(program=0, is_drum=True), PartRequest(program=30), PartRequest(program=33))
    request = ComposeRequest(genres={"jazz": 1.0}, length_seconds=40, tempo_bpm=150, seed=seed, band=band)
    plan = plan_song(request, composer.checkpoint)
    [song] = composer.compose([plan])
    events = encode(song)
    played = activity_of(events, BarGrid.of(events.meters, events.end))
    planned = plan.activity[:, [plan.band.index(part) for part in events.band]]
    assert (planned > RESTS).any()
    assert not (played > RESTS)[planned == RESTS].any()


def test_a_requested_band_and_key_give_a_complete_song() -> None:
    composer = Composer(tiny_checkpoint())
    request = ComposeRequest(
        genres={"jazz": 1.0},
        length_seconds=20,
        seed=5,
        band=(PartRequest(program=56), PartRequest(program=0, is_drum=True)),
        key=KeyRequest(tonic=2, mode="minor"),
    )
    [song] = composer.compose([plan_song(request, composer.checkpoint)])
    bars = {note.onset // song.meters[0].bar_ticks for track in song.tracks for note in track.notes}
    assert bars == set(range(song.bar_count))
