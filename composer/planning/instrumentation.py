"""The instrumentation model: which parts a song has, part by part, given genre and style.

    p(band | genre) = Σ_style p(style | genre) · Π p(next part | parts so far, genre, style)

Parts come in rising order of their class, then an end token; a band has at most ``PART_LIMIT`` parts. The model is one
hidden layer over the sum of the parts so far; it is trained in torch (``training.planner.instrumentation``). Genres of
a blend mix linearly in their embedding.

Shape letters: V part classes, H hidden, E part embedding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.exact import RandomNumbers
from composer.model.arithmetic.fixed_point import gelu
from composer.planning.chart import Vector, Weights, draw_class
from midi_data.events.encoding import PART_LIMIT, SAME_PROGRAM_LIMIT

TEMPERATURE, MIN_P = 1.0, 0.02
"""Sampling of each part."""


class Instrumentation:
    """Samples and scores bands. Holds weights only."""

    def __init__(self, weights: Weights) -> None:
        """``weights`` by name, as the torch module's ``state_dict``."""
        self._w: dict[str, NDArray[Any]] = {n: np.asarray(weight, dtype=np.float64) for n, weight in weights.items()}
        self._end = len(self._w["bias"]) - 1  # class of the end token
        programs, occurrences = np.divmod(np.arange(self._end), len(self._w["occurrence.weight"]))
        self._embedding = self._w["part.weight"][programs] + self._w["occurrence.weight"][occurrences]  # (V, E)
        out = self._w["part_out.weight"][programs] + self._w["occurrence_out.weight"][occurrences]  # (V, H)
        self._out = np.vstack([out, self._w["end_out.weight"]])  # (V + 1, H)

    def sample(
        self, genres: Mapping[int, float], style: int, generator: RandomNumbers, forced: Sequence[int] = ()
    ) -> tuple[int, ...]:
        """A band, rising part classes. ``genres``: rows with weights; ``forced``: parts that the band has."""
        fixed, band = self._fixed(genres, style), list[int]()
        while True:
            logits = self._logits(fixed, band)
            due = min((part for part in forced if part not in band), default=self._end)
            logits[due + 1 :] = -np.inf  # no forced part is skipped
            if len(band) >= PART_LIMIT - sum(part not in band for part in forced):
                logits[:due] = -np.inf
            part = draw_class(logits, TEMPERATURE, MIN_P, generator) if np.isfinite(logits).sum() > 1 else due
            if part == self._end:
                return tuple(band)
            band.append(part)

    def log_probability(self, band: Sequence[int], genres: Mapping[int, float]) -> float:
        """Log p(band | genres) in nats. ``band``: rising part classes; ``genres``: rows with weights."""
        styles = self.styles_of(genres)
        each = [np.log(share) + self.log_probability_in(band, genres, style) for style, share in styles.items()]
        return float(np.logaddexp.reduce(each))

    def log_probability_in(self, band: Sequence[int], genres: Mapping[int, float], style: int) -> float:
        """Log p(band | genres, style) in nats."""
        fixed, total = self._fixed(genres, style), 0.0
        for count, part in enumerate([*band, self._end] if len(band) < PART_LIMIT else band):
            logits = self._logits(fixed, band[:count])
            top = logits.max()
            total += float(logits[part] - top - np.log(np.exp(logits - top).sum()))
        return total

    def styles_of(self, genres: Mapping[int, float]) -> dict[int, float]:
        """Style → p(style | genre); only 0 ("any") for a blend, since a style belongs to one genre."""
        if len(genres) > 1:
            return {0: 1.0}
        row = self._w["style_share"][next(iter(genres))]  # (styles,)
        return {int(style): float(row[style] / row.sum()) for style in np.flatnonzero(row)}

    def _fixed(self, genres: Mapping[int, float], style: int) -> Vector:
        """(H,) contribution of genres and style."""
        rows = [weight * self._w["genre.weight"][row] for row, weight in genres.items()]
        fixed: Vector = np.sum(rows, axis=0) + self._w["style.weight"][style]
        return fixed

    def _logits(self, fixed: Vector, band: Sequence[int]) -> Vector:
        """(V + 1,) of the next part, the end token last; −∞ for parts not above the last one."""
        w = self._w
        inner = fixed + w["count.weight"][len(band)]
        if band:
            parts = self._embedding[list(band)]  # (P, E)
            inner = inner + w["band_in.weight"] @ parts.sum(axis=0) + w["last_in.weight"] @ parts[-1]
        logits: Vector = self._out @ gelu(w["hidden.weight"] @ gelu(inner) + w["hidden.bias"]) + w["bias"]
        logits[: band[-1] + 1 if band else 0] = -np.inf
        if not band:
            logits[-1] = -np.inf
        return logits


def renumbered(band: Sequence[int]) -> tuple[int, ...]:
    """``band`` (rising part classes) with the parts of each instrument numbered from 0 on."""
    programs = [part // SAME_PROGRAM_LIMIT for part in band]
    return tuple(
        program * SAME_PROGRAM_LIMIT + programs[:place].count(program) for place, program in enumerate(programs)
    )
