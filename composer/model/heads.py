"""The heads of ``composer.model.engine`` arranged for composing: a chosen field is added once for all later heads.

Same numbers as ``Engine.logits``, for a batch whose fields are chosen one after the other. Output layers are reduced to
the classes that a song can use: the parts of its band, the pitches of a part.

Shape letters: B batch, K lookback classes, V classes of the output layer, W head width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.model.arithmetic.fixed_point import Floats
from composer.model.attribute_projections import AttributeProjections
from composer.model.config import CHORD_CONDITION_CLASSES
from composer.model.engine import Engine
from midi_data.events.encoding import FIELDS, VOCABULARY, Ints


@dataclass(frozen=True, slots=True)
class _Head:
    """``own``: columns of this head in (B, 5 W), ``later``: those of all heads after it.

    ``lookback``: rows by lag and class, each lag's from ``first`` on. ``chosen`` (V + 1, later heads × W).
    """

    own: slice
    later: slice
    lookback: Floats
    first: Ints
    chosen: Floats
    out: NDArray[np.floating]
    bias: Floats


@dataclass(frozen=True, slots=True)
class OutputLayer:
    """Output layer of a head for some classes: ``out`` (W, V + K), ``bias`` (V + K,); see ``Heads.logits``.

    Of the part head V is the band, and the activity bins follow the lookback.
    """

    out: NDArray[np.floating]
    bias: NDArray[np.floating]


class Heads:
    """The heads of an engine. Stateless."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._heads = {field: self._arranged(field) for field in FIELDS}
        self.chord_rows = self._later_rows("chord", FIELDS.index("pitch"), CHORD_CONDITION_CLASSES)
        self.chord_bonus: list[list[list[list[float]]]] = engine.chord_bonus.tolist()
        self._position = self._later_rows("position", 1, engine.config.clock_classes["position"])

    def _arranged(self, field: str) -> _Head:
        index, width, head = FIELDS.index(field), self._engine.config.head, self._engine.heads[field]
        count = self._engine.config.lookback_size(field)
        start = int(head.first[-count])
        return _Head(
            slice(index * width, (index + 1) * width),
            slice((index + 1) * width, None),
            head.rows[start:],
            head.first[-count:] - start,
            self._later_rows(field, index + 1, VOCABULARY[field] + 1),
            head.out,
            head.bias_out,
        )

    def _later_rows(self, name: str, first: int, count: int) -> Floats:
        """(count, W × later heads) rows of the group ``name`` in each head from number ``first`` on."""
        groups = []
        for index, field in enumerate(FIELDS[first:], first):
            head = self._engine.heads[field]
            place = {"position": index, "chord": index + 1}
            start = int(head.first[place[name] if name in place else FIELDS.index(name)])
            groups.append(head.rows[start : start + count])
        return np.concatenate(groups, axis=1) if groups else np.zeros((count, 0), dtype=np.float32)

    def output_layer(self, field: str, classes: Sequence[int]) -> OutputLayer:
        """The output layer of ``field`` for ``classes``."""
        head = self._heads[field]
        columns = [*classes, *range(VOCABULARY[field], head.out.shape[-1])]
        return OutputLayer(np.ascontiguousarray(head.out[:, columns]), head.bias[columns])

    def part_output_layer(self, band: Sequence[int], projections: AttributeProjections) -> OutputLayer:
        """The part head's output layer for a band, with its projected attribute histograms."""
        head = self._heads["part"]
        out, bias = (
            np.concatenate([every[..., list(band)] + more, every[..., VOCABULARY["part"] :]], axis=-1)
            for every, more in ((head.out, projections.part_out), (head.bias, projections.part_bias))
        )
        return OutputLayer(np.ascontiguousarray(out), bias)

    def project_hidden(self, hidden: Floats) -> Floats:
        """(B, H) hidden of the last layer → (B, 5 W) inputs of the heads, to which the other methods add."""
        return self._engine.head_inputs(hidden).reshape(len(hidden), -1)

    def add_position(self, inner: Floats, positions: Sequence[int]) -> None:
        """Add each song's position in the bar after the time shift to all heads but the first."""
        _add_rows(inner[:, self._heads["time_shift"].later], self._position, positions)

    def add_choice(self, inner: Floats, field: str, chosen: Sequence[int]) -> None:
        """Add each song's ``chosen`` class of ``field`` to the heads after it."""
        head = self._heads[field]
        _add_rows(inner[:, head.later], head.chosen, chosen)

    def add_part_context(self, inner: Floats, rows: Sequence[Floats]) -> None:
        """Add to the note heads, for each song (3 W,): its part's ``AttributeProjections.heads`` + ``chord_rows``."""
        inner[:, self._heads["part"].later] += rows[0] if len(rows) == 1 else np.stack(rows)

    def lookback_sum(self, field: str, lookback: Sequence[Sequence[int]]) -> Floats:
        """(B, W) sum of the rows of each song's ``lookback`` (K classes) in the head of ``field``."""
        head = self._heads[field]
        rows = head.lookback.take(np.array(lookback) + head.first, axis=0)  # (B, K, W)
        total: Floats = np.add.reduce(rows, axis=1)
        return total

    def logits(self, field: str, inner: Floats, lookback: Floats) -> list[list[float]]:
        """For each song V logits and K lookback bonuses, not yet added; any field but the part.

        ``lookback`` (B, W) from ``lookback_sum``.
        """
        head = self._heads[field]
        out = self._hidden_layer(head, inner, lookback) @ head.out + head.bias  # (B, V + K)
        rows: list[list[float]] = out.tolist()
        return rows

    def logits_by_song(
        self, field: str, inner: Floats, lookback: Floats, layers: Sequence[OutputLayer]
    ) -> list[list[float]]:
        """As ``logits`` with an output layer for each song; of parts the activity bonuses follow the lookback's."""
        hidden = self._hidden_layer(self._heads[field], inner, lookback)
        return [(row @ layer.out + layer.bias).tolist() for row, layer in zip(hidden, layers, strict=True)]

    def _hidden_layer(self, head: _Head, inner: Floats, lookback: Floats) -> NDArray[np.floating]:
        """(B, W) activations of a head's hidden layer."""
        return self._engine.gelu(lookback + inner[:, head.own])


def _add_rows(inner: Floats, table: Floats, rows: Sequence[int]) -> None:
    """Add row ``rows[b]`` of ``table`` to each song's of ``inner`` (B, …)."""
    # Indexing one row is a view, which is faster than take's copy.
    inner += table[rows[0]] if len(rows) == 1 else table.take(rows, axis=0)
