"""Samples some parts of a song among the given notes of the others.

The given notes are forced in their order. Between them a sampled part plays where the network says so: of each event
that it proposes, a note of a sampled part before the next given note is taken, and a note of a given part that is not
there is rejected and a later tick is drawn. A sampled part thus plays at a tick with the probability that its note
comes next there, given all notes before.
"""

from __future__ import annotations

from composer.decoding.constraints import Classes
from composer.planning.plan import Given
from midi_data.events.encoding import EOS, FIELDS, MAX_SHIFT, VOCABULARY


class GivenNotes:
    """The given notes that a song has not reached yet."""

    def __init__(self, given: Given) -> None:
        self._sampled = given.sampled
        self._notes = list(reversed(given.events))
        self._is_given = False  # whether the present event is the next given note
        self._after = -1  # time shifts up to this one were rejected

    def forced(self, field: str) -> int | None:
        """The class of ``field`` where the present event is a given note."""
        return self._notes[-1][FIELDS.index(field)] if self._is_given else None

    def allowed(self, field: str, classes: Classes) -> Classes:
        """Those of ``classes`` that may be sampled: time shifts that were not rejected."""
        return [each for each in classes if each > self._after] if field == "time_shift" else classes

    def decide(self, field: str, tick: int, sampled: int | None) -> int | None:
        """The class of ``field`` that follows from the ``sampled`` one (``None``: nothing was allowed).

        ``tick``: of the previous event for the time shift, else of the present one. ``None``: the event is rejected,
        and its time shift is sampled again.
        """
        if field == "time_shift":
            longest = self._shift_to_next(tick)
            self._after = longest if sampled is None else min(sampled, longest)
            return self._after
        if field == "part":
            return self._part(tick, sampled)
        return sampled

    def complete_event(self) -> None:
        """Go on to the next event; a given note is done."""
        if self._is_given:
            self._notes.pop()
        self._is_given, self._after = False, -1

    def _shift_to_next(self, tick: int) -> int:
        """Time-shift class that leads to the next given note, or towards it; the end event after the last one."""
        return min(self._notes[-1][0] - tick, MAX_SHIFT) if self._notes else EOS

    def _part(self, tick: int, sampled: int | None) -> int | None:
        is_at_note = bool(self._notes) and self._notes[-1][0] == tick
        given = self._notes[-1][1] if is_at_note else VOCABULARY["part"]
        if sampled is not None and sampled in self._sampled and sampled < given:
            return sampled
        if is_at_note:
            self._is_given = True
            return given
        return None
