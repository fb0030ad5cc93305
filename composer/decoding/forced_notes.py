"""Notes of a song that are not sampled: those of given parts, and those of parts that repeat an earlier bar exactly.

Forced notes come in their order. Between them the other parts play where the network says so: of each event that it
proposes, a note of a sampled part before the next forced note is taken, and a note of a forced part that is not there
is rejected and a later tick is drawn. A sampled part thus plays at a tick with the probability that its note comes next
there, given all notes before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from composer.decoding.biases import SourceBars
from composer.decoding.constraints import Classes
from composer.decoding.song_state import Event, SongState
from composer.planning.plan import Given
from midi_data.analysis.repetition import SIMILARITY_EDGES
from midi_data.events.encoding import EOS, FIELDS, MAX_SHIFT, VOCABULARY


class ForcedNotes:
    """The forced notes that a song has not reached yet."""

    def __init__(self, primer: Sequence[Event], given: Given | None, band: Sequence[int], sources: SourceBars) -> None:
        """``primer``: the song's first events. ``given``: notes of parts that are not composed, if not all are."""
        self._primer = list(reversed(primer))
        self._sampled = given.sampled if given else frozenset(band)
        self._notes: list[Event] = list(reversed(given.events)) if given else []
        self._sources = sources
        self._repeating: dict[int, set[int]] = {}
        """Parts with forced notes in each bar reached."""
        self._next_bar = 0
        self._is_forced = False  # whether the present event is the next forced note
        self._after = -1  # time shifts up to this one were rejected

    def forced(self, field: str) -> int | None:
        """The class of ``field`` where the present event is the primer's or a forced note."""
        if self._primer or self._is_forced:
            return (self._primer or self._notes)[-1][FIELDS.index(field)]
        return None

    def allowed(self, field: str, classes: Classes) -> Classes:
        """Those of ``classes`` that may be sampled: time shifts that were not rejected."""
        rejected = field == "time_shift" and self._after >= 0
        return [each for each in classes if each > self._after] if rejected else classes

    def decide(self, field: str, state: SongState, sampled: int | None) -> int | None:
        """The class of ``field`` that follows from the ``sampled`` one (``None``: nothing was allowed).

        ``None``: the event is rejected, and its time shift is sampled again.
        """
        if field == "time_shift":
            self._after = self._time_shift(state, sampled)
            return self._after
        return self._part(state, sampled) if field == "part" else sampled

    def complete_event(self) -> None:
        """Go on to the next event; one of the primer or a forced note is done."""
        if self._primer:
            self._primer.pop()
        elif self._is_forced:
            self._notes.pop()
        self._is_forced, self._after = False, -1

    def _time_shift(self, state: SongState, sampled: int | None) -> int:
        """``sampled``, or a shorter class that leads to the next forced note or towards it."""
        self._reach(state.tick + (EOS if sampled is None else sampled), state)
        longest = min(self._notes[-1][0] - state.tick, MAX_SHIFT) if self._notes else EOS
        if sampled is None and longest == EOS and any(self._repeating.values()):
            self._repeating.clear()  # all sampled parts play again where nothing else may come
            return state.allowed("time_shift")[-1]
        return longest if sampled is None else min(sampled, longest)

    def _reach(self, tick: int, state: SongState) -> None:
        """Add what parts repeat in the bars up to ``tick``, or up to the next forced note if that is earlier.

        A bar begins once no note of the bars before it is left: sources are complete then.
        """
        self._next_bar = max(self._next_bar, state.bar + 1)
        while self._next_bar < len(self._sources.by_bar):
            if self._next_bar * state.bar_ticks > min(tick, self._notes[-1][0] if self._notes else tick):
                break
            events = self._repeated(self._next_bar, state)
            self._repeating[self._next_bar] = {event[1] for event in events}
            self._notes = sorted([*self._notes, *events], reverse=True)
            self._next_bar += 1

    def _repeated(self, bar: int, state: SongState) -> list[Event]:
        """The notes of the sampled parts that repeat an earlier bar exactly in ``bar``."""
        notes, found = state.played, list[Event]()
        for part, (level, lag) in self._sources.by_bar[bar].items():
            distance = self._sources.distance(bar, lag)
            if part in self._sampled and level == len(SIMILARITY_EDGES) and 0 < distance <= bar:
                first, last = ((bar - distance + n) * state.bar_ticks for n in (0, 1))
                own = notes[bisect_left(notes, (first,)) : bisect_left(notes, (last,))]
                moved = distance * state.bar_ticks
                found += [(onset + moved, part, *fields) for onset, by, *fields in own if by == part]
        return found

    def _part(self, state: SongState, sampled: int | None) -> int | None:
        is_at_note = bool(self._notes) and self._notes[-1][0] == state.tick
        first = self._notes[-1][1] if is_at_note else VOCABULARY["part"]
        repeating = self._repeating.get(state.bar_after, ())
        if sampled is not None and sampled in self._sampled and sampled not in repeating and sampled < first:
            return sampled
        if is_at_note:
            self._is_forced = True
            return first
        return None
