"""A song takes band, activity, repetition and masks from a template piece, and none of its notes."""

from dataclasses import replace

import numpy as np
import pytest

from composer.decoding.generate import Composer
from composer.decoding.masks import instrument_masks, template_masks
from composer.model.checkpoint import Checkpoint
from composer.model.checkpoint_tables import TEMPLATE_COLUMNS
from composer.planning.plan import plan_song
from composer.planning.requested import leading_genre
from composer.planning.template import Template, activity_for, draw_excerpt, draw_template, part_repetition_for
from composer.request import ComposeRequest, KeyRequest, PartRequest
from midi_data.analysis.activity import MASKS_WIDTH, RESTS, UNCONDITIONED, activity_of
from midi_data.analysis.attribute_histograms import COLUMNS, HISTOGRAMS_WIDTH, register_bin, tone_bin
from midi_data.analysis.repetition import NEW
from midi_data.bars import BarGrid
from midi_data.events.encoding import encode, part_code
from midi_data.events.features import LAGS
from tests.composer.checkpoints import BAND, tiny_checkpoint

DRUMS, GUITAR, BASS = BAND


def checkpoint_with(
    activity: np.ndarray, repetition: np.ndarray | None = None, source_lag: int = LAGS[-1]
) -> Checkpoint:
    base = tiny_checkpoint()
    repetition = np.ones(len(activity), dtype=np.int64) if repetition is None else repetition
    part_repetition = np.repeat(repetition[:, None], activity.shape[1], axis=1).astype(np.uint8)
    tables = {
        "activities": activity.astype(np.uint8),
        "repetitions": repetition.astype(np.uint8),
        "part_repetition": part_repetition,
    }
    return replace(
        base,
        **{name: (each,) * 2 for name, each in tables.items()},
        source_lags=(np.full(len(activity), source_lag, dtype=np.uint8),) * 2,
    )


def intro_then_band(bars: int = 40) -> np.ndarray:
    activity = np.full((bars, 3), 4)
    activity[:16, 0] = activity[:16, 2] = RESTS
    return activity


def excerpt_of(
    activity: np.ndarray,
    bars: int,
    seed: int = 0,
    core: tuple[str, ...] = (),
    repetition: np.ndarray | None = None,
    source_lag: int = LAGS[-1],
) -> Template:
    return draw_excerpt(checkpoint_with(activity, repetition, source_lag), 0, bars, np.random.default_rng(seed), core)


def test_an_excerpt_begins_where_the_core_roles_play() -> None:
    for seed in range(20):
        template = excerpt_of(intro_then_band(), 16, seed, core=("drums", "bass"))
        assert (template.activity > RESTS).all(axis=1).mean() >= 0.6


def test_an_excerpt_is_the_beginning_the_middle_or_the_end_of_the_piece() -> None:
    activity = np.full((41, 3), 4)
    activity[[0, 12, 24], 1] = 2, 3, 5
    firsts = {int(excerpt_of(activity, 16, seed).activity[0, 1]) for seed in range(40)}
    assert firsts == {2, 3, 5}


def test_parts_that_rest_throughout_are_not_in_the_band() -> None:
    activity = intro_then_band()
    activity[:, 2] = RESTS
    assert excerpt_of(activity, 16).band == (DRUMS, GUITAR) or excerpt_of(activity, 16).band == (GUITAR,)
    assert BASS not in excerpt_of(activity, 40).band


def test_parts_with_too_few_notes_are_dropped_and_no_bar_is_silent() -> None:
    activity = np.full((40, 3), 4)
    activity[:, 1] = RESTS
    activity[20, 1] = 2
    activity[20, 0] = activity[20, 2] = RESTS
    template = excerpt_of(activity, 40)
    assert template.band == (DRUMS, BASS)
    assert (template.activity > RESTS).any(axis=1).all()


def test_a_short_piece_is_repeated_without_its_beginning() -> None:
    activity = np.full((12, 3), 4)
    activity[:8, 0] = 2
    template = excerpt_of(activity, 20)
    assert template.activity[:, 0].tolist() == [2] * 8 + [4] * 12


def test_no_bar_of_an_excerpt_is_silent() -> None:
    activity = np.full((24, 3), 4)
    activity[5] = activity[11:14] = RESTS
    assert (excerpt_of(activity, 24).activity > RESTS).any(axis=1).all()


def test_a_bar_whose_source_lies_before_the_excerpt_is_new() -> None:
    repetition = np.full(40, 2 + 3 * 4 + 2)  # all of them the same as 16 bars before
    template = excerpt_of(np.full((40, 3), 4), 20, repetition=repetition)
    assert (template.repetition[:16] == NEW).all()
    assert (template.repetition[16:] == 16).all()
    assert (template.part_repetition == template.repetition[:, None]).all()


def test_a_source_may_lie_at_any_distance() -> None:
    repetition = np.full(40, 2 + 3 * 4 + 2)
    template = excerpt_of(np.full((40, 3), 4), 20, repetition=repetition, source_lag=12)
    assert (template.repetition[:12] == NEW).all()
    assert (template.repetition[12:] == 16).all()
    assert (template.source_lag[12:] == 12).all()


def test_a_part_whose_source_lies_before_the_excerpt_is_new() -> None:
    repetition = np.full(40, 2 + 3 * 4 + 2)
    template = excerpt_of(np.full((40, 3), 4), 20, repetition=repetition, source_lag=18)
    assert (template.part_repetition[:18] == NEW).all()
    assert (template.part_repetition[18:] == 16).all()


def test_an_unconditioned_part_has_the_label_of_its_bar() -> None:
    trumpet = part_code(56, is_drum=False)
    template = excerpt_of(np.full((16, 3), 4), 16, repetition=np.array([NEW, *[4] * 15]))
    own = replace(template, part_repetition=np.full_like(template.part_repetition, 3))
    repetitions = part_repetition_for(own, tuple(sorted((DRUMS, trumpet))))
    assert (repetitions[:, 1] == template.repetition).all()
    assert (repetitions[:, 0] == 3).all()


def test_a_requested_part_that_the_template_lacks_is_unconditioned() -> None:
    trumpet = part_code(56, is_drum=False)
    template = excerpt_of(np.full((16, 3), 4), 16)
    activity = activity_for(template, tuple(sorted((DRUMS, trumpet))))
    assert (activity[:, 0] == 4).all()
    assert (activity[:, 1] == UNCONDITIONED).all()


@pytest.mark.parametrize("seed", range(4))
def test_a_song_rests_where_its_activity_rests(seed: int) -> None:
    composer = Composer(checkpoint_with(intro_then_band()))
    request = ComposeRequest(genres={"jazz": 1.0}, length_seconds=40, tempo_bpm=150, seed=seed)
    plan = plan_song(request, composer.checkpoint)
    [song] = composer.compose([plan])
    events = encode(song)
    played = activity_of(events, BarGrid.of(events.meters, events.end))
    planned = plan.activity[:, [plan.band.index(part) for part in events.band]]
    assert (planned > RESTS).any()
    assert not (played > RESTS)[planned == RESTS].any()


def masks_row(low: int, high: int, grid: int, scale: int) -> np.ndarray:
    row = np.full(MASKS_WIDTH, -1)
    row[:2] = grid, scale
    row[2:7] = 128 + 36, 128 + 42, 3, 9, 4
    row[7:12] = row[12:17] = low, high, 3, 9, 1
    return row


NO_SHARES = np.zeros((len(BAND), HISTOGRAMS_WIDTH), dtype=np.uint8)


def test_template_masks_limit_pitch_velocity_and_grid_and_are_transposed() -> None:
    c_major = sum(1 << tone for tone in (0, 2, 4, 5, 7, 9, 11))
    row = masks_row(48, 72, 0b1000001000001000001, c_major)
    masks = template_masks(BAND, BAND, row, NO_SHARES, 2, in_scale=True)
    pitches = np.flatnonzero(masks.pitch[GUITAR])
    assert {pitch % 12 for pitch in pitches.tolist()} == {2, 4, 6, 7, 9, 11, 1}
    assert (pitches.min(), pitches.max()) == (50, 74)
    assert np.flatnonzero(masks.velocity[GUITAR]).tolist() == list(range(3, 10))
    assert np.flatnonzero(masks.grid).tolist() == [0, 6, 12, 18]
    assert np.flatnonzero(masks.pitch[DRUMS]).tolist() == list(range(128 + 36, 128 + 43))


def test_template_masks_limit_durations_velocities_and_drums() -> None:
    shares = NO_SHARES.copy()
    drums, guitar = shares[BAND.index(DRUMS)], shares[BAND.index(GUITAR)]
    guitar[COLUMNS["duration"]][[5, 10]] = 200, 1
    guitar[COLUMNS["velocity"]][[4, 8]] = 100, 155
    kick, snare = tone_bin(np.array([128 + 36, 128 + 38]))
    drums[COLUMNS["tone"]][[kick, snare]] = 100
    drums[COLUMNS["register"]][register_bin(np.array([128 + 36, 128 + 38]))] = 100
    masks = template_masks(BAND, BAND, masks_row(48, 72, 1, 0xFFF), shares, 0, in_scale=True)
    assert np.flatnonzero(masks.duration[GUITAR]).tolist() == [5, 10]
    assert np.flatnonzero(masks.velocity[GUITAR]).tolist() == [4, 8]
    assert masks.duration[BASS].all()
    # The kit's voices in the registers where they were struck, from 36 to 42 as the row says: no toms, no hi-hat.
    assert (np.flatnonzero(masks.pitch[DRUMS]) - 128).tolist() == [36, 37, 38, 39, 40]


def test_masks_that_leave_nothing_are_ignored() -> None:
    row = masks_row(120, 127, 1, 0)
    masks = template_masks(BAND, BAND, row, NO_SHARES, 0, in_scale=True)
    free = instrument_masks(BAND)
    assert np.array_equal(masks.pitch[BASS], free.pitch[BASS])


def test_a_requested_band_and_key_give_a_complete_song() -> None:
    composer = Composer(checkpoint_with(intro_then_band()))
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


def checkpoint_of_both(keys: dict[str, list[int]]) -> Checkpoint:
    """A tiny checkpoint with pieces of each genre, in keys given as rows of the key condition."""
    base = checkpoint_with(np.full((40, 3), 4))
    genres = list(base.header.genres)
    templates = np.concatenate([np.repeat(base.templates[:1], len(rows), axis=0) for rows in keys.values()])
    templates[:, TEMPLATE_COLUMNS.index("genre")] = [genres.index(name) for name, rows in keys.items() for _ in rows]
    templates[:, TEMPLATE_COLUMNS.index("key")] = [row for rows in keys.values() for row in rows]
    tables = ("activities", "repetitions", "part_repetition", "source_lags", "attribute_histograms")
    of_all = {name: (getattr(base, name)[0],) * len(templates) for name in tables}
    each = {
        name: np.repeat(getattr(base, name)[:1], len(templates), axis=0) for name in ("masks", "time_shift_histograms")
    }
    return replace(base, templates=templates, **of_all, **each)


def test_the_template_of_a_blend_is_drawn_by_weight() -> None:
    checkpoint = checkpoint_of_both({"heavy-metal": [1, 1], "jazz": [1] * 20})
    led = [
        leading_genre(ComposeRequest(genres={"heavy-metal": 0.7, "jazz": 0.3}), np.random.default_rng(seed))
        for seed in range(400)
    ]
    assert 0.63 < np.mean([name == "heavy-metal" for name in led]) < 0.77
    for name, row in (("heavy-metal", 0), ("jazz", 1)):
        drawn = {draw_template(checkpoint.templates, name, row, None, np.random.default_rng(n), []) for n in range(40)}
        assert {int(checkpoint.templates[at, 0]) for at in drawn} == {row}


def test_one_genre_needs_no_drawing() -> None:
    generator = np.random.default_rng(1)
    before = generator.bit_generator.state
    assert leading_genre(ComposeRequest(genres={"jazz": 1.0}), generator) == "jazz"
    assert generator.bit_generator.state == before


def test_a_requested_key_prefers_templates_of_its_mode() -> None:
    c_major, a_minor, unheard = 1, 1 + 12 + 9, 0
    checkpoint = checkpoint_of_both({"jazz": [c_major, a_minor, unheard, c_major]})
    jazz = list(checkpoint.header.genres).index("jazz")
    for mode, places in (("minor", {1}), ("major", {0, 3})):
        drawn = {
            draw_template(checkpoint.templates, "jazz", jazz, None, np.random.default_rng(n), [], mode)
            for n in range(40)
        }
        assert drawn == places
    only_major = checkpoint_of_both({"jazz": [c_major]})
    assert draw_template(only_major.templates, "jazz", jazz, None, np.random.default_rng(0), [], "minor") == 0


def test_voices_are_those_of_the_template_capped_by_the_instrument() -> None:
    row = masks_row(48, 72, 1, 0xFFF)
    row[11], row[16] = 3, 9  # the guitar's, the bass's
    masks = template_masks(BAND, BAND, row, NO_SHARES, 0, in_scale=True)
    assert masks.voices == {**instrument_masks(BAND).voices, GUITAR: 3}
    row[11] = -1  # no value
    assert template_masks(BAND, BAND, row, NO_SHARES, 0, in_scale=True).voices == instrument_masks(BAND).voices


def test_the_softest_velocity_is_allowed_only_if_the_template_uses_it() -> None:
    shares, row = NO_SHARES.copy(), masks_row(48, 72, 1, 0xFFF)
    row[9] = 0  # the guitar's quietest
    shares[BAND.index(GUITAR)][COLUMNS["velocity"]][[0, 9]] = 5, 250
    masks = template_masks(BAND, BAND, row, shares, 0, in_scale=True)
    assert np.flatnonzero(masks.velocity[GUITAR]).tolist() == [0, 9]
    assert not instrument_masks(BAND).velocity[GUITAR][0]
