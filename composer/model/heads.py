"""The heads of ``composer.model.engine`` laid out for composing: what is chosen is added once, for all heads after it.

The same numbers as ``Engine.logits``, for a batch whose fields are chosen one after the other. Where a song has a
few parts only, and a part a few pitches, the last product is of those. Knows neither rules nor sampling.

Shape letters: B batch, K looks, V classes told, W width of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.model.attribute_projections import AttributeProjections
from composer.model.config import LOOKBACK_FIELDS
from composer.model.engine import Engine
from composer.model.fixed_point import Floats
from midi_data.events.encoding import FIELDS, VOCABULARY, Ints


@dataclass(frozen=True, slots=True)
class _Field:
    """``looks``: rows by look and class, each look's from ``first`` on. ``chosen``: rows for all later heads."""

    place: slice
    after: slice
    looks: Floats
    first: Ints
    chosen: Floats
    out: NDArray[np.floating]
    bias: Floats


@dataclass(frozen=True, slots=True)
class OwnOut:
    """A head's last product for a few classes of its own: ``out`` (W, V + K), ``bias``; see ``Heads.logits``.

    Of the part's head V is the band, and the levels come after the looks.
    """

    out: NDArray[np.floating]
    bias: NDArray[np.floating]


class Heads:
    """The heads of an engine. Holds nothing of a song."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._fields = {field: self._laid_out(field) for field in FIELDS}
        self._note_looks, self._note_first = self._notes_laid_out()
        self._position = self._later("position", 1, engine.config.clock_classes["position"])

    def _laid_out(self, field: str) -> _Field:
        at, width, head = FIELDS.index(field), self._engine.config.head, self._engine.heads[field]
        count = self._engine.config.lookback_size(field)
        start = int(head.first[-count])
        return _Field(
            slice(at * width, (at + 1) * width),
            slice((at + 1) * width, None),
            head.rows[start:],
            head.first[-count:] - start,
            self._later(field, at + 1, VOCABULARY[field] + 1),
            head.out,
            head.bias_out,
        )

    def _notes_laid_out(self) -> tuple[Floats, Ints]:
        """Rows of all looks of a note's fields, and where each look's begin, in the order of ``look_at_notes``."""
        own = [self._fields[field] for field in LOOKBACK_FIELDS["note"]]
        before = np.cumsum([0, *(len(each.looks) for each in own)])[:-1]
        first = [each.first + start for each, start in zip(own, before, strict=True)]
        return np.concatenate([each.looks for each in own]), np.stack(first, axis=-1).reshape(-1)

    def own_out(self, field: str, classes: Sequence[int]) -> OwnOut:
        """A head for the ``classes`` that may come at all, then looks."""
        own = self._fields[field]
        columns = [*classes, *range(VOCABULARY[field], own.out.shape[-1])]
        return OwnOut(np.ascontiguousarray(own.out[:, columns]), own.bias[columns])

    def part_out(self, band: Sequence[int], inclined: AttributeProjections) -> OwnOut:
        """The part head for one song: its band's classes, inclined to what is told of each, then looks and levels."""
        own = self._fields["part"]
        out, bias = (
            np.concatenate([whole[..., list(band)] + more, whole[..., VOCABULARY["part"] :]], axis=-1)
            for whole, more in ((own.out, inclined.out), (own.bias, inclined.bias))
        )
        return OwnOut(np.ascontiguousarray(out), bias)

    def _later(self, name: str, first: int, count: int) -> Floats:
        """(count, W × later heads): the rows of group ``name`` in each head from ``first`` on."""
        groups = []
        for index, field in enumerate(FIELDS[first:], first):
            head = self._engine.heads[field]
            start = int(head.first[index if name == "position" else FIELDS.index(name)])
            groups.append(head.rows[start : start + count])
        return np.concatenate(groups, axis=1) if groups else np.zeros((count, 0), dtype=np.float32)

    def begin(self, hidden: Floats) -> Floats:
        """(B, 5 W): what the last layer's hidden (B, H) gives the heads; ``add`` and ``logits`` take it from there."""
        return self._engine.before_heads(hidden).reshape(len(hidden), -1)

    def move(self, inner: Floats, positions: Sequence[int]) -> None:
        """Tell all heads but the advance's each song's position in the bar after the advance."""
        _add_rows(inner[:, self._fields["time_shift"].after], self._position, positions)

    def add(self, inner: Floats, field: str, chosen: Sequence[int]) -> None:
        """Tell the later heads what each song has ``chosen``."""
        own = self._fields[field]
        _add_rows(inner[:, own.after], own.chosen, chosen)

    def incline(self, inner: Floats, rows: Sequence[Floats]) -> None:
        """Add the chosen part's projected histograms (``projections.inner``) to the note heads of each song."""
        inner[:, self._fields["part"].after] += rows[0] if len(rows) == 1 else np.stack(rows)

    def look(self, field: str, looks: Sequence[Sequence[int]]) -> Floats:
        """(B, W): what each song's ``looks`` back (K) give the head of ``field``."""
        own = self._fields[field]
        return _summed(own.looks, own.first, looks, 1)[:, 0]

    def look_at_notes(self, looks: Sequence[Sequence[int]]) -> Floats:
        """(B, 3, W): the same for pitch, duration and velocity at once; ``looks`` (3 K) lag by lag."""
        return _summed(self._note_looks, self._note_first, looks, len(LOOKBACK_FIELDS["note"]))

    def logits(self, field: str, inner: Floats, seen: Floats) -> list[list[float]]:
        """For each song V logits, then each look's bonus (K): not yet added up. Any field but the part.

        ``seen`` (B, W) from the looks back.
        """
        own = self._fields[field]
        out = self._active(own, inner, seen) @ own.out + own.bias
        rows: list[list[float]] = out.tolist()
        return rows

    def own_logits(self, field: str, inner: Floats, seen: Floats, outs: Sequence[OwnOut]) -> list[list[float]]:
        """The same by each song's own ``outs``: its classes' logits, each look's bonus, of parts each level's."""
        active = self._active(self._fields[field], inner, seen)
        return [(row @ own.out + own.bias).tolist() for row, own in zip(active, outs, strict=True)]

    def _active(self, own: _Field, inner: Floats, seen: Floats) -> NDArray[np.floating]:
        """(B, W): what a head makes of all it sees."""
        return self._engine.activated(seen + inner[:, own.place])


def _summed(table: Floats, first: Ints, looks: Sequence[Sequence[int]], fields: int) -> Floats:
    """(B, fields, W): for each field the sum of the rows of ``table`` that its looks name."""
    index = np.array(looks)
    index += first
    rows = table.take(index, axis=0)
    total: Floats = np.add.reduce(rows.reshape(len(rows), -1, fields, rows.shape[-1]), axis=1)
    return total


def _add_rows(inner: Floats, table: Floats, rows: Sequence[int]) -> None:
    """Add a row of ``table`` to each song's of ``inner``."""
    # A view is quicker than a copy.
    inner += table[rows[0]] if len(rows) == 1 else table.take(rows, axis=0)
