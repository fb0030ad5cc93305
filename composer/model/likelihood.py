"""The exact likelihood of a song: nats a note, in all and per field. No sampling, no approximation, no torch.

p(song | genre) = p(band | genre) · Π p(event | events before, band, genre). Tempo and meters are given, as they are
when composing; key, density, source and length are not told. Wait and end events count towards the sums.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from composer.errors import RefusedError
from composer.model.checkpoint import Checkpoint
from composer.model.config import CONDITIONS, KEY_UNCONDITIONED
from composer.model.engine import Engine, EngineState
from composer.planning.conditioning import clock, tempo_class
from composer.planning.instrumentation import band_nll
from midi_data.bars import BarGrid
from midi_data.events.encoding import FIELDS, MAX_SHIFT, VOCABULARY, EventSequence, Ints, encode
from midi_data.events.features import StepFeatures, step_features
from midi_data.song import Song

CHUNK = 256
"""Steps laid out at a time: memory stays small however long the song."""


class Scorer:
    """A checkpoint, packed for scoring in plain float32."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.genres = checkpoint.header.genres
        self._engine = Engine(checkpoint, exact=False)

    def score(self, song: Song, genre: str | None = None) -> dict[str, Any]:
        """Scores of one song under ``genre``, or under the genre it fits best.

        JSON-ready: genre, notes, ``nll`` in nats a note, ``fields`` (its shares, the band's included, that sum to it),
        and without a ``genre`` also ``by_genre``. Raises ``RefusedError`` for a song without notes.
        """
        with threadpool_limits(1, user_api="blas"):  # as in composing
            return self._score(song, genre)

    def _score(self, song: Song, genre: str | None) -> dict[str, Any]:
        events = encode(song)
        if not len(events):
            raise RefusedError("a song to be scored has at least one note, this one has 0")
        names = [genre] if genre else list(self.genres)
        sums = self.field_sums(events, [self.genres.index(name) for name in names], song.tempo_bpm)
        fields = ("band", *FIELDS)
        per_note = {
            n: dict(zip(fields, (row / len(events)).tolist(), strict=True)) for n, row in zip(names, sums, strict=True)
        }
        best = min(names, key=lambda name: sum(per_note[name].values()))
        result: dict[str, Any] = {
            "genre": best,
            "notes": len(events),
            "nll": sum(per_note[best].values()),
            "fields": per_note[best],
        }
        if genre is None:
            result["by_genre"] = {name: sum(shares.values()) for name, shares in per_note.items()}
        return result

    def field_sums(self, events: EventSequence, genre_rows: list[int], tempo_bpm: float) -> NDArray[np.float64]:
        """(genres, 1 + 5): summed nats of the band and of each field under each genre."""
        steps = step_features(events)
        conditions = np.stack([self._condition(row, tempo_bpm, events.band) for row in genre_rows])
        state = self._engine.start(len(genre_rows))
        sums = np.zeros((len(genre_rows), 1 + len(FIELDS)))
        sums[:, 0] = [band_nll(self.checkpoint.templates, row, events.band) for row in genre_rows]
        grid = BarGrid.of(events.meters, events.end)
        for first in range(0, len(steps), CHUNK):
            chunk = slice(first, min(first + CHUNK, len(steps)))
            hidden, state = self._hidden(steps, grid, chunk, conditions, state)
            sums[:, 1:] += self._chunk_sums(steps, grid, chunk, hidden, events.band)
        return sums

    def _condition(self, genre_row: int, tempo_bpm: float, band: tuple[int, ...]) -> NDArray[np.float32]:
        told = {"genre": genre_row, "tempo": tempo_class(tempo_bpm), "key": KEY_UNCONDITIONED}
        return self._engine.condition_gates([[(told.get(name, 0), 1.0)] for name in CONDITIONS], band)

    def _hidden(
        self, steps: StepFeatures, grid: BarGrid, chunk: slice, conditions: NDArray[np.float32], state: EngineState
    ) -> tuple[NDArray[np.float32], EngineState]:
        """(genres, T, H) of a chunk, and the state after it."""
        gates = self._engine.input_gates(self._engine.input_rows(*step_inputs(steps, grid, chunk)))
        hidden = []
        for step in gates:
            state = self._engine.step_from_gates(step + conditions, state)
            hidden.append(state.hidden[-1])
        return np.stack(hidden, axis=1), state

    def _chunk_sums(
        self, steps: StepFeatures, grid: BarGrid, chunk: slice, hidden: NDArray[np.float32], band: tuple[int, ...]
    ) -> NDArray[np.float64]:
        before = self._engine.head_inputs(hidden)
        target = steps.target[chunk]
        after = grid.position_of(steps.tick[1:][chunk])[:, None]
        looks = {
            "time_shift": steps.next[chunk, :, 0],
            "part": steps.part[chunk],
            "pitch": steps.note[chunk, :, 0],
            "duration": steps.note[chunk, :, 1],
            "velocity": steps.note[chunk, :, 2],
        }
        sums = np.zeros((len(hidden), len(FIELDS)))
        for i, field in enumerate(FIELDS):
            real = target[:, i] < VOCABULARY[field]
            if not real.any():
                continue
            for genre in range(len(hidden)):
                logits = self._engine.logits(
                    field, before[genre][real], target[real, :i], after[real] if i else None, looks[field][real]
                )
                if field == "part":
                    logits = only(logits, band)
                sums[genre, i] = nll(logits, target[real, i]).sum()
        return sums


def only(logits: NDArray[np.float32], classes: tuple[int, ...]) -> NDArray[np.float32]:
    """``logits`` (T, V) with −∞ outside ``classes``."""
    out = np.full_like(logits, -np.inf)
    out[:, list(classes)] = logits[:, list(classes)]
    return out


def nll(logits: NDArray[np.float32], target: Ints) -> NDArray[np.float64]:
    """(T,) negative log-likelihood of each target under (T, V) logits."""
    wide = logits.astype(np.float64)
    top = wide.max(axis=1)
    total = top + np.log(np.exp(wide - top[:, None]).sum(axis=1))
    result: NDArray[np.float64] = total - wide[np.arange(len(target)), target]
    return result


def step_inputs(steps: StepFeatures, grid: BarGrid, chunk: slice) -> tuple[Ints, Ints, Ints, Ints]:
    """(previous, clock, next, matched) of a chunk of steps, the song's length not told."""
    first = chunk.start
    nothing = np.array([[VOCABULARY[field] for field in FIELDS]])
    before = steps.target[max(first - 1, 0) : chunk.stop - 1]
    previous = before if first else np.concatenate([nothing, before])
    held = steps.note[max(first - 1, 0) : chunk.stop - 1, :-1, 0]
    matched = ((held == before[:, 2:3]) & (before[:, :1] < MAX_SHIFT)).astype(np.int64)
    if not first:
        matched = np.concatenate([np.zeros((1, matched.shape[1]), dtype=np.int64), matched])
    return previous, clock(grid, steps.tick[:-1][chunk], length_conditioned=False), steps.next[chunk], matched
