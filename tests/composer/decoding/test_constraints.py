"""Allowed classes: sounding pitches and full parts are excluded, durations end with the song."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from composer.decoding.constraints import Constraints, StepContext
from composer.decoding.masks import instrument_masks
from composer.decoding.song_state import SongState
from midi_data.analysis.activity import RELEASE_TICKS
from midi_data.events.encoding import DURATIONS, MAX_SHIFT, part_code
from midi_data.song import TICKS_PER_QUARTER, Meter

ORGAN, DRUMS = part_code(16, is_drum=False), part_code(0, is_drum=True)
BAR = 4 * TICKS_PER_QUARTER
QUARTER = DURATIONS.index(TICKS_PER_QUARTER)


def state_after(*notes: tuple[int, int, int]) -> SongState:
    """A song of two bars by organ and drums in which (time shift, part, pitch) have been played, a quarter each."""
    song_state = SongState((DRUMS, ORGAN), Meter(0, 4, 4), 2)
    for time_shift, part, pitch in notes:
        song_state.inputs()
        for chosen in (time_shift, part, pitch, QUARTER, 8):
            song_state.append(chosen)
    return song_state


def pitches_at(song_state: SongState, time_shift: int, part: int) -> set[int]:
    song_state.inputs()
    song_state.append(time_shift)
    song_state.append(part)
    return set(song_state.allowed("pitch"))


def test_a_sounding_pitch_is_allowed_again_shortly_before_its_end() -> None:
    half, nearly = TICKS_PER_QUARTER // 2, TICKS_PER_QUARTER - RELEASE_TICKS
    assert 60 not in pitches_at(state_after((0, ORGAN, 60)), half, ORGAN)
    assert 61 in pitches_at(state_after((0, ORGAN, 60)), half, ORGAN)
    assert 60 in pitches_at(state_after((0, ORGAN, 60)), nearly, ORGAN)


def test_sounding_drums_may_be_struck_again() -> None:
    assert 128 + 36 in pitches_at(state_after((0, DRUMS, 128 + 36)), 6, DRUMS)


def test_if_all_pitches_sound_all_are_allowed() -> None:
    constraints = Constraints(instrument_masks((ORGAN,)), [0, BAR])
    everything = StepContext(0, None, 0, {}, {ORGAN: range(128)})
    assert constraints.pitches(everything, ORGAN, same_tick=False) == constraints.pitches(
        StepContext(0, None, 0, {}), ORGAN, same_tick=False
    )


def test_durations_are_masked_and_end_with_the_song() -> None:
    masks = instrument_masks((DRUMS, ORGAN))
    used = [DURATIONS.index(ticks) for ticks in (6, 12, 48)]
    masks.duration[ORGAN][:] = False
    masks.duration[ORGAN][used] = True
    constraints = Constraints(masks, [0, BAR, 2 * BAR])
    assert list(constraints.durations(ORGAN, 0)) == used
    assert list(constraints.durations(ORGAN, 2 * BAR - 48)) == used
    assert list(constraints.durations(ORGAN, 2 * BAR - 47)) == used[:2]
    assert list(constraints.durations(ORGAN, 2 * BAR - 3)) == used[:1]  # the shortest, cut at the end
    assert [DURATIONS[each] for each in constraints.durations(DRUMS, 2 * BAR - 3)] == [1, 2, 3]


BASS = part_code(33, is_drum=False)
BAND = tuple(sorted((DRUMS, ORGAN, BASS)))
pitches = st.frozensets(st.integers(28, 67), max_size=12)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(BAND), unique=True).map(sorted),
    st.none() | st.tuples(st.sampled_from(BAND), st.integers(28, 67) | st.just(127)),
    st.dictionaries(st.sampled_from(BAND), pitches),
    st.dictionaries(st.sampled_from((ORGAN, BASS)), pitches),
)
def test_a_time_shift_of_zero_is_allowed_if_a_part_may_still_play(
    playing: list[int],
    last: tuple[int, int] | None,
    struck: dict[int, frozenset[int]],
    ringing: dict[int, frozenset[int]],
) -> None:
    constraints = Constraints(instrument_masks(BAND), [0, BAR, 2 * BAR])
    context = StepContext(BAR // 2, last, 0, struck, ringing)
    found = list(constraints.time_shifts(context, playing))
    assert (0 in found) == bool(constraints.parts(context, playing, same_tick=True))
    assert found == sorted(found)
    assert all(0 < each <= MAX_SHIFT for each in found if each)
    assert found == list(constraints.time_shifts(context, playing))


def test_a_part_without_a_free_voice_is_excluded() -> None:
    masks = instrument_masks((DRUMS, ORGAN))
    constraints = Constraints(replace(masks, voices={DRUMS: 5, ORGAN: 2}), [0, BAR])
    one, two = ({ORGAN: {60: BAR, **more}} for more in ({}, {64: BAR}))
    assert list(constraints.parts(StepContext(12, None, 0, {}, one), [DRUMS, ORGAN], same_tick=False)) == [DRUMS, ORGAN]
    assert list(constraints.parts(StepContext(12, None, 0, {}, two), [DRUMS, ORGAN], same_tick=False)) == [DRUMS]
    # What was struck just now and rings on is one note, not two.
    assert list(constraints.parts(StepContext(12, None, 0, {ORGAN: {60}}, one), [DRUMS, ORGAN], same_tick=False)) == [
        DRUMS,
        ORGAN,
    ]
    assert list(constraints.parts(StepContext(12, None, 0, {ORGAN: {64}}, one), [DRUMS, ORGAN], same_tick=False)) == [
        DRUMS
    ]
    # If no part has a free voice, all are allowed.
    assert list(constraints.parts(StepContext(12, None, 0, {}, two), [ORGAN], same_tick=False)) == [ORGAN]


def test_a_part_sounds_at_most_its_voices() -> None:
    masks = instrument_masks((DRUMS, ORGAN))
    song_state = SongState((DRUMS, ORGAN), Meter(0, 4, 4), 2, masks=replace(masks, voices={DRUMS: 5, ORGAN: 1}))
    song_state.inputs()
    for chosen in (0, ORGAN, 60, QUARTER, 8):
        song_state.append(chosen)
    for time_shift, allowed in ((TICKS_PER_QUARTER // 2, [DRUMS]), (TICKS_PER_QUARTER - RELEASE_TICKS, [DRUMS, ORGAN])):
        song_state.inputs()
        song_state.append(time_shift)
        assert list(song_state.allowed("part")) == allowed
