"""Exact likelihood of a song: nats a note, in all and by field, computed with the engine that composes.

p(song | genre) = p(band | genre) · Π p(event | events before, band, genre). Tempo and meters are conditions; key,
density, style and length are not. Waits and the end event add to the sums, not to the number of notes.

Shape letters: S steps, T steps of a chunk, D genres, H hidden, V vocabulary, K lags.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from composer.errors import RefusedError
from composer.likelihood.array_logits import field_logits
from composer.model.arithmetic.fixed_point import Doubles, Floats
from composer.model.checkpoint import Checkpoint
from composer.model.config import CONDITIONS, KEY_UNCONDITIONED
from composer.model.engine import Engine
from composer.model.heads import Heads
from composer.model.packing import Integers
from composer.model.plan_inputs import PlanInputs
from composer.planning.chart import Planner, chart_of
from composer.planning.conditioning import chord_columns, clock, strengths, tempo_class
from composer.planning.instrumentation import Instrumentation
from midi_data.bars import BarGrid
from midi_data.events.encoding import FIELDS, VOCABULARY, EventSequence, Ints, encode
from midi_data.events.features import lookback_by_field, matched_lags, previous_events, step_features
from midi_data.song import Song

CHUNK = 256
"""Steps computed at a time, so that memory does not grow with the song."""
SCORED = ("band", *FIELDS)
"""Terms of the likelihood, in the order of ``field_sums``."""

STAGES = ("band", "chart", "notes_given_chart", "total")
"""Factors of the joint probability of band, chart and notes, and their product."""


class Scorer:
    """A checkpoint packed for scoring."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.genres = checkpoint.header.genres
        self._engine, self._heads = Engine(checkpoint), Heads(checkpoint.weights, checkpoint.config)
        self._plan_inputs = PlanInputs(checkpoint.weights)
        self._bands = Instrumentation(checkpoint.instrumentation)

    def score(self, song: Song, genre: str | None = None) -> dict[str, Any]:
        """Likelihood of ``song`` under ``genre``, or under the genre of the highest likelihood.

        JSON-ready: genre, notes, ``nll`` in nats a note, ``fields`` (``SCORED``, which sum to it), and without a
        ``genre`` also ``by_genre``. With a planner ``nats`` (``nats_by_stage``) and the same as ``nats_per_note``.
        Raises ``RefusedError`` for a song without notes.
        """
        events = encode(song)
        if not len(events):
            raise RefusedError("a song to be scored has at least one note, this one has 0")
        names = [genre] if genre else list(self.genres)
        nats = self.nats_per_note(events, names, song.tempo_bpm)  # (D, 6)
        best = int(nats.sum(axis=1).argmin())
        fields = dict(zip(SCORED, nats[best].tolist(), strict=True))
        result = {"genre": names[best], "notes": len(events), "nll": sum(fields.values()), "fields": fields}
        if self.checkpoint.planner:
            nats_by_stage = self.nats_by_stage(events, names[best], song.tempo_bpm)
            result["nats"] = nats_by_stage
            result["nats_per_note"] = {stage: value / len(events) for stage, value in nats_by_stage.items()}
        if genre is None:
            result["by_genre"] = {name: sum(row) for name, row in zip(names, nats.tolist(), strict=True)}
        return result

    def nats_by_stage(self, events: EventSequence, genre: str, tempo_bpm: float) -> dict[str, float]:
        """Nats of the whole song by ``STAGES``; the chart is the song's own, extracted.

        ``total`` is −log of p(band | genre) · p(chart | band, genre) · p(notes | chords of the chart, band, genre), the
        exact joint probability of band, chart and notes.
        """
        row = self.genres.index(genre)
        conditions, chart = chart_of(events, {1 + row: 1.0}, tempo_bpm)
        with threadpool_limits(1, user_api="blas"):
            notes = self.field_sums(events, [row], tempo_bpm, chart.chords)[0]
        chart_nats = sum(Planner(self.checkpoint.planner).nll(conditions, chart).values())
        stages = (float(notes[0]), chart_nats, float(notes[1:].sum()))
        return dict(zip(STAGES, (*stages, sum(stages)), strict=True))

    def nats_per_note(self, events: EventSequence, genres: Sequence[str], tempo_bpm: float) -> NDArray[np.float64]:
        """(D, 6) nats a note of each term of ``SCORED`` under each genre; ``events`` has at least one note."""
        rows = [self.genres.index(name) for name in genres]
        with threadpool_limits(1, user_api="blas"):  # the products are too small to gain from threads
            return self.field_sums(events, rows, tempo_bpm) / len(events)

    def field_sums(
        self, events: EventSequence, genre_rows: Sequence[int], tempo_bpm: float, chords: Ints | None = None
    ) -> NDArray[np.float64]:
        """(D, 6) summed nats of each term of ``SCORED`` by genre, given ``chords`` (bars, 2) if not ``None``."""
        inputs = _StepArrays(events, chords)
        sums = np.zeros((len(genre_rows), len(SCORED)))
        sums[:, 0] = [-self._bands.log_probability(events.band, {row: 1.0}) for row in genre_rows]
        conditions = np.stack([self._condition(row, tempo_bpm, events.band) for row in genre_rows])  # (D, I)
        for chunk, inner in self._inner(inputs, conditions):
            sums[:, 1:] += self._chunk_sums(inputs, chunk, inner, events.band)
        return sums

    def _condition(self, genre_row: int, tempo_bpm: float, band: tuple[int, ...]) -> Integers:
        """(I,) input of genre, tempo and band."""
        classes = {"genre": genre_row, "tempo": tempo_class(tempo_bpm), "key": KEY_UNCONDITIONED}
        return self._plan_inputs.conditions([[(classes.get(name, 0), 1.0)] for name in CONDITIONS], band)

    def _inner(self, inputs: _StepArrays, conditions: Integers) -> Iterator[tuple[slice, Floats]]:
        """Chunks of steps, and the inputs of the heads (D, T, 5, W) in each."""
        state = self._engine.start(len(conditions))
        for first in range(0, len(inputs), CHUNK):
            chunk = slice(first, min(first + CHUNK, len(inputs)))
            inner = []
            events, clock_classes = inputs.of(chunk)
            for step in self._engine.inputs(events) + self._engine.clock_inputs(clock_classes):  # (T, I)
                heads, state = self._engine.step(step + conditions, state)
                inner.append(heads)
            yield chunk, np.stack(inner, axis=1)

    def _chunk_sums(
        self, inputs: _StepArrays, chunk: slice, inner: Floats, band: tuple[int, ...]
    ) -> NDArray[np.float64]:
        """(D, 5) summed nats of each field over a chunk; ``inner`` (D, T, 5, W)."""
        target, after = inputs.target[chunk], inputs.position_after[chunk]
        sums = np.zeros((len(inner), len(FIELDS)))
        for i, field in enumerate(FIELDS):
            real = target[:, i] < VOCABULARY[field]  # waits and the end have no other fields
            if not real.any():
                continue
            lookback, position = inputs.lookback[field][chunk][real], after[real] if i else None
            for genre in range(len(inner)):
                logits = field_logits(
                    self._heads,
                    field,
                    inner[genre][real],
                    target[real, :i],
                    position,
                    lookback,
                    chord=inputs.chord[chunk][real],
                )
                if field == "part":
                    logits = only(logits, band)
                sums[genre, i] = nll(logits, target[real, i]).sum()
        return sums


class _StepArrays:
    """Inputs of all steps of a song, its length not conditioned on."""

    def __init__(self, events: EventSequence, chords: Ints | None = None) -> None:
        """``chords`` (bars, 2): classes that the notes are conditioned on; ``None`` unconditioned."""
        features = step_features(events)
        grid = BarGrid.of(events.meters, events.end)
        self.target = features.target  # (S, 5)
        self.position_after = grid.position_of(features.tick[1:])[:, None]  # (S, 1)
        after = features.tick[1:]
        self.chord = np.column_stack([chord_columns(grid, after, chords)[:, 0], strengths(grid, after)])  # (S, 2)
        self.lookback = lookback_by_field(features.next, features.part, features.note)
        self._clock = clock(grid, features.tick[:-1], length_conditioned=False, chords=chords)  # (S, 10)
        matched = matched_lags(self.target, features.note)  # (S, K)
        self._events = np.column_stack(
            [
                previous_events(self.target),
                self._clock[:, 0],
                features.next.reshape(len(self), -1),
                matched @ (1 << np.arange(matched.shape[1])),
            ]
        )  # (S, 5 + 1 + 3 K + 1)

    def __len__(self) -> int:
        return len(self.target)

    def of(self, chunk: slice) -> tuple[Ints, Ints]:
        """Arguments of ``Engine.inputs`` and ``Engine.clock_inputs`` for a chunk."""
        return self._events[chunk], self._clock[chunk]


def only(logits: Doubles, classes: tuple[int, ...]) -> Doubles:
    """``logits`` (T, V) with −∞ outside ``classes``."""
    out = np.full_like(logits, -np.inf)
    out[:, list(classes)] = logits[:, list(classes)]
    return out


def nll(logits: Doubles, target: Ints) -> Doubles:
    """(T,) negative log-likelihood in nats of each target (T,) under logits (T, V)."""
    top = logits.max(axis=1)
    total = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    result: Doubles = total - logits[np.arange(len(target)), target]
    return result
