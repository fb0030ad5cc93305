"""Song states at a given place, for tests of logits processors."""

from collections.abc import Sequence

from composer.decoding.song_state import SongState
from midi_data.song import Meter

BAR = 96


def state_at(
    band: Sequence[int],
    tick: int = 0,
    part: int = -1,
    *,
    bar: int | None = None,
    lookback: Sequence[int] = (),
    bars: int = 16,
) -> SongState:  # fmt: skip
    """A state at ``tick`` in ``bar`` (default: the tick's), with ``part`` chosen unless it is −1."""
    state = SongState(band, Meter(0, 4, 4), bars)
    state.tick, state.bar_after = tick, tick // BAR if bar is None else bar
    state.slot_after = state.slot_of(tick)
    state.lookback = list(lookback)
    state.event, state.part = [0] if part < 0 else [0, part], part
    return state
