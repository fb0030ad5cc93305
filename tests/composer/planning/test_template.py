"""A song takes over who plays when from a piece heard, and the habits of its parts; of its notes nothing."""

from dataclasses import replace

import numpy as np
import pytest

from composer.decoding.generate import Composer
from composer.decoding.masks import instrument_masks, template_masks
from composer.model.checkpoint import TEMPLATE_COLUMNS, Checkpoint
from composer.planning.plan import leading_genre, plan_song
from composer.planning.template import Template, arranged, draw_excerpt, draw_template, part_repetition_for
from composer.request import ComposeRequest, KeyRequest, PartRequest
from midi_data.analysis.activity import MASKS_WIDTH, RESTS, UNCONDITIONED, activity_of
from midi_data.analysis.attribute_histograms import COLUMNS, HISTOGRAMS_WIDTH, register_bin, tone_bin
from midi_data.analysis.repetition import NEW
from midi_data.bars import BarGrid
from midi_data.events.encoding import encode, part_code
from midi_data.events.features import LAGS
from tests.composer.checkpoints import BAND, tiny_checkpoint

DRUMS, GUITAR, BASS = BAND


def checkpoint_with(levels: np.ndarray, form: np.ndarray | None = None, far: int = LAGS[-1]) -> Checkpoint:
    base = tiny_checkpoint()
    form = np.ones(len(levels), dtype=np.int64) if form is None else form
    of_parts = np.repeat(form[:, None], levels.shape[1], axis=1).astype(np.uint8)
    told = {"arrangements": levels.astype(np.uint8), "forms": form.astype(np.uint8), "part_repetition": of_parts}
    return replace(
        base,
        **{name: (each,) * 2 for name, each in told.items()},
        fars=(np.full(len(levels), far, dtype=np.uint8),) * 2,
    )


def intro_then_band(bars: int = 40) -> np.ndarray:
    levels = np.full((bars, 3), 4)
    levels[:16, 0] = levels[:16, 2] = RESTS
    return levels


def stretch(
    levels: np.ndarray,
    bars: int,
    seed: int = 0,
    core: tuple[str, ...] = (),
    form: np.ndarray | None = None,
    far: int = LAGS[-1],
) -> Template:
    return draw_excerpt(checkpoint_with(levels, form, far), 0, bars, np.random.default_rng(seed), core)


def test_a_stretch_begins_where_the_core_of_the_band_plays() -> None:
    for seed in range(20):
        heard = stretch(intro_then_band(), 16, seed, core=("drums", "bass"))
        assert (heard.levels > RESTS).all(axis=1).mean() >= 0.6


def test_a_stretch_begins_with_the_piece_in_its_middle_or_so_that_it_ends_with_it() -> None:
    levels = np.full((41, 3), 4)
    levels[[0, 12, 24], 1] = 2, 3, 5
    firsts = {int(stretch(levels, 16, seed).levels[0, 1]) for seed in range(40)}
    assert firsts == {2, 3, 5}


def test_parts_that_rest_throughout_are_not_in_the_band() -> None:
    levels = intro_then_band()
    levels[:, 2] = RESTS
    assert stretch(levels, 16).band == (DRUMS, GUITAR) or stretch(levels, 16).band == (GUITAR,)
    assert BASS not in stretch(levels, 40).band


def test_nobody_comes_along_for_one_note_and_no_bar_is_silent_without_them() -> None:
    levels = np.full((40, 3), 4)
    levels[:, 1] = RESTS
    levels[20, 1] = 2
    levels[20, 0] = levels[20, 2] = RESTS
    heard = stretch(levels, 40)
    assert heard.band == (DRUMS, BASS)
    assert (heard.levels > RESTS).any(axis=1).all()


def test_a_short_piece_goes_round_again_without_its_beginning() -> None:
    levels = np.full((12, 3), 4)
    levels[:8, 0] = 2
    heard = stretch(levels, 20)
    assert heard.levels[:, 0].tolist() == [2] * 8 + [4] * 12


def test_no_bar_of_a_stretch_is_silent() -> None:
    levels = np.full((24, 3), 4)
    levels[5] = levels[11:14] = RESTS
    assert (stretch(levels, 24).levels > RESTS).any(axis=1).all()


def test_a_bar_whose_source_lies_before_the_stretch_is_new() -> None:
    form = np.full(40, 2 + 3 * 4 + 2)  # all of them the same as 16 bars before
    heard = stretch(np.full((40, 3), 4), 20, form=form)
    assert (heard.form[:16] == NEW).all()
    assert (heard.form[16:] == 16).all()
    assert (heard.part_repetition == heard.form[:, None]).all()


def test_a_source_may_lie_at_any_distance() -> None:
    form = np.full(40, 2 + 3 * 4 + 2)
    heard = stretch(np.full((40, 3), 4), 20, form=form, far=12)
    assert (heard.form[:12] == NEW).all()
    assert (heard.form[12:] == 16).all()
    assert (heard.far[12:] == 12).all()


def test_a_part_whose_source_lies_before_the_stretch_is_new_and_takes_no_other() -> None:
    form = np.full(40, 2 + 3 * 4 + 2)
    heard = stretch(np.full((40, 3), 4), 20, form=form, far=18)
    assert (heard.part_repetition[:18] == NEW).all()
    assert (heard.part_repetition[18:] == 16).all()


def test_a_part_that_is_not_told_of_takes_the_form_of_the_bar() -> None:
    trumpet = part_code(56, is_drum=False)
    heard = stretch(np.full((16, 3), 4), 16, form=np.array([NEW, *[4] * 15]))
    own = replace(heard, part_repetition=np.full_like(heard.part_repetition, 3))
    forms = part_repetition_for(own, tuple(sorted((DRUMS, trumpet))))
    assert (forms[:, 1] == heard.form).all()
    assert (forms[:, 0] == 3).all()


def test_an_asked_part_that_the_piece_lacks_is_left_untold() -> None:
    trumpet = part_code(56, is_drum=False)
    heard = stretch(np.full((16, 3), 4), 16)
    levels = arranged(heard, tuple(sorted((DRUMS, trumpet))))
    assert (levels[:, 0] == 4).all()
    assert (levels[:, 1] == UNCONDITIONED).all()


@pytest.mark.parametrize("seed", range(4))
def test_a_song_rests_where_its_arrangement_rests(seed: int) -> None:
    band = Composer(checkpoint_with(intro_then_band()))
    request = ComposeRequest(genres={"jazz": 1.0}, length_seconds=40, tempo_bpm=150, seed=seed)
    plan = plan_song(request, band.checkpoint)
    [song] = band.compose([plan])
    events = encode(song)
    played = activity_of(events, BarGrid.of(events.meters, events.end))
    told = plan.levels[:, [plan.band.index(part) for part in events.band]]
    assert (told > RESTS).any()
    assert not (played > RESTS)[told == RESTS].any()


def habits_row(low: int, high: int, grid: int, scale: int) -> np.ndarray:
    row = np.full(MASKS_WIDTH, -1)
    row[:2] = grid, scale
    row[2:7] = 128 + 36, 128 + 42, 3, 9, 4
    row[7:12] = row[12:17] = low, high, 3, 9, 1
    return row


NO_SHARES = np.zeros((len(BAND), HISTOGRAMS_WIDTH), dtype=np.uint8)


def test_habits_bind_pitch_velocity_and_grid_and_move_with_the_key() -> None:
    c_major = sum(1 << tone for tone in (0, 2, 4, 5, 7, 9, 11))
    row = habits_row(48, 72, 0b1000001000001000001, c_major)
    habits = template_masks(BAND, BAND, row, NO_SHARES, 2, in_scale=True)
    pitches = np.flatnonzero(habits.pitch[GUITAR])
    assert {pitch % 12 for pitch in pitches.tolist()} == {2, 4, 6, 7, 9, 11, 1}
    assert (pitches.min(), pitches.max()) == (50, 74)
    assert np.flatnonzero(habits.velocity[GUITAR]).tolist() == list(range(3, 10))
    assert np.flatnonzero(habits.grid).tolist() == [0, 6, 12, 18]
    assert np.flatnonzero(habits.pitch[DRUMS]).tolist() == list(range(128 + 36, 128 + 43))


def test_a_part_keeps_to_the_lengths_the_velocities_and_the_drums_it_uses() -> None:
    shares = NO_SHARES.copy()
    drums, guitar = shares[BAND.index(DRUMS)], shares[BAND.index(GUITAR)]
    guitar[COLUMNS["duration"]][[5, 10]] = 200, 1
    guitar[COLUMNS["velocity"]][[4, 8]] = 100, 155
    kick, snare = tone_bin(np.array([128 + 36, 128 + 38]))
    drums[COLUMNS["tone"]][[kick, snare]] = 100
    drums[COLUMNS["register"]][register_bin(np.array([128 + 36, 128 + 38]))] = 100
    habits = template_masks(BAND, BAND, habits_row(48, 72, 1, 0xFFF), shares, 0, in_scale=True)
    assert np.flatnonzero(habits.duration[GUITAR]).tolist() == [5, 10]
    assert np.flatnonzero(habits.velocity[GUITAR]).tolist() == [4, 8]
    assert habits.duration[BASS].all()
    # The kit's voices in the registers where they were struck, from 36 to 42 as the row says: no toms, no hi-hat.
    assert (np.flatnonzero(habits.pitch[DRUMS]) - 128).tolist() == [36, 37, 38, 39, 40]


def test_habits_that_leave_nothing_do_not_bind() -> None:
    row = habits_row(120, 127, 1, 0)
    habits = template_masks(BAND, BAND, row, NO_SHARES, 0, in_scale=True)
    free = instrument_masks(BAND)
    assert np.array_equal(habits.pitch[BASS], free.pitch[BASS])


def test_an_asked_band_and_key_still_give_a_whole_song() -> None:
    band = Composer(checkpoint_with(intro_then_band()))
    request = ComposeRequest(
        genres={"jazz": 1.0},
        length_seconds=20,
        seed=5,
        band=(PartRequest(program=56), PartRequest(program=0, is_drum=True)),
        key=KeyRequest(tonic=2, mode="minor"),
    )
    [song] = band.compose([plan_song(request, band.checkpoint)])
    bars = {note.onset // song.meters[0].bar_ticks for track in song.tracks for note in track.notes}
    assert bars == set(range(song.bar_count))


def checkpoint_of_both(keys: dict[str, list[int]]) -> Checkpoint:
    """A tiny checkpoint with pieces of each genre, in the keys told as rows of the key condition."""
    base = checkpoint_with(np.full((40, 3), 4))
    genres = list(base.header.genres)
    lineups = np.concatenate([np.repeat(base.lineups[:1], len(rows), axis=0) for rows in keys.values()])
    lineups[:, TEMPLATE_COLUMNS.index("genre")] = [genres.index(name) for name, rows in keys.items() for _ in rows]
    lineups[:, TEMPLATE_COLUMNS.index("key")] = [row for rows in keys.values() for row in rows]
    tables = ("arrangements", "forms", "part_repetition", "fars", "tendencies")
    of_all = {name: (getattr(base, name)[0],) * len(lineups) for name in tables}
    each = {name: np.repeat(getattr(base, name)[:1], len(lineups), axis=0) for name in ("habits", "paces")}
    return replace(base, lineups=lineups, **of_all, **each)


def test_the_arrangement_of_a_blend_is_of_each_genre_as_often_as_its_weight_says() -> None:
    checkpoint = checkpoint_of_both({"heavy-metal": [1, 1], "jazz": [1] * 20})
    led = [
        leading_genre(ComposeRequest(genres={"heavy-metal": 0.7, "jazz": 0.3}), np.random.default_rng(seed))
        for seed in range(400)
    ]
    assert 0.63 < np.mean([name == "heavy-metal" for name in led]) < 0.77
    for name, row in (("heavy-metal", 0), ("jazz", 1)):
        drawn = {draw_template(checkpoint.lineups, name, row, None, np.random.default_rng(n), []) for n in range(40)}
        assert {int(checkpoint.lineups[at, 0]) for at in drawn} == {row}


def test_one_genre_needs_no_drawing() -> None:
    generator = np.random.default_rng(1)
    before = generator.bit_generator.state
    assert leading_genre(ComposeRequest(genres={"jazz": 1.0}), generator) == "jazz"
    assert generator.bit_generator.state == before


def test_an_asked_key_takes_a_piece_of_its_mode_whose_scale_binds() -> None:
    c_major, a_minor, unheard = 1, 1 + 12 + 9, 0
    checkpoint = checkpoint_of_both({"jazz": [c_major, a_minor, unheard, c_major]})
    jazz = list(checkpoint.header.genres).index("jazz")
    for mode, places in (("minor", {1}), ("major", {0, 3})):
        drawn = {
            draw_template(checkpoint.lineups, "jazz", jazz, None, np.random.default_rng(n), [], mode) for n in range(40)
        }
        assert drawn == places
    only_major = checkpoint_of_both({"jazz": [c_major]})
    assert draw_template(only_major.lineups, "jazz", jazz, None, np.random.default_rng(0), [], "minor") == 0


def test_a_part_holds_as_many_notes_as_in_the_piece_and_no_more_than_its_instrument_can() -> None:
    row = habits_row(48, 72, 1, 0xFFF)
    row[11], row[16] = 3, 9  # the guitar's, the bass's
    habits = template_masks(BAND, BAND, row, NO_SHARES, 0, in_scale=True)
    assert habits.voices == {**instrument_masks(BAND).voices, GUITAR: 3}
    row[11] = -1  # not told by an older checkpoint
    assert template_masks(BAND, BAND, row, NO_SHARES, 0, in_scale=True).voices == instrument_masks(BAND).voices


def test_the_quietest_velocity_is_a_habit_only_where_it_was_heard() -> None:
    shares, row = NO_SHARES.copy(), habits_row(48, 72, 1, 0xFFF)
    row[9] = 0  # the guitar's quietest
    shares[BAND.index(GUITAR)][COLUMNS["velocity"]][[0, 9]] = 5, 250
    habits = template_masks(BAND, BAND, row, shares, 0, in_scale=True)
    assert np.flatnonzero(habits.velocity[GUITAR]).tolist() == [0, 9]
    assert not instrument_masks(BAND).velocity[GUITAR][0]
