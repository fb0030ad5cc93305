"""Features of the piano-roll network: what is known before each predicted frame.

One step predicts one frame; the first frame of a piece is never predicted. Pieces may be transposed and are cut to the
keys that the network models. The key axis runs in the order in which keys are decided.

Shape letters: T time, B batch rows, S steps of a piece, C planes, K modelled keys, F facts.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray

from training.data.piece_stream import padded
from training.pianoroll.data import KEYS, LOWEST, Roll
from training.pianoroll.matches import KINDS, Matches, find_matches
from training.pianoroll.model_config import BUCKETS, CHROMA_DECAYS, FACTS, LAGS, RollShape

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A roll (T, 88) and its matches."""

    roll: Roll
    matches: Matches

    @classmethod
    def of(cls, roll: Roll) -> Piece:
        """``roll`` with its matches."""
        return cls(roll, find_matches(roll))

    @property
    def steps(self) -> int:
        """Frames that are predicted: all but the first."""
        return max(len(self.roll) - 1, 0)


@dataclass(frozen=True, slots=True, eq=False)
class RollExample:
    """Features and targets of a piece, S = T − 1 steps over K keys.

    ``planes`` (S, C, K): frames at each lag, then the frame after each match, one plane for each bucket of its length.
    ``facts`` (S, F), ``chroma`` (S, 3, 12), ``time`` (S,): frames since the start. ``target`` (S, K): the frame.
    ``outside`` (S,): sounding keys of the frame that the network does not model.
    """

    planes: Roll
    facts: Floats
    chroma: Floats
    time: NDArray[np.int64]
    target: Roll
    outside: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True, slots=True)
class Steps:
    """``RollExample`` of several batch rows as tensors, (T, B, …); ``scored`` (T, B) is False in padding."""

    planes: torch.Tensor
    facts: torch.Tensor
    chroma: torch.Tensor
    time: torch.Tensor
    target: torch.Tensor
    outside: torch.Tensor
    scored: torch.Tensor

    def to(self, device: torch.device) -> Steps:
        """The same steps on ``device``."""
        return Steps(*(getattr(self, each.name).to(device) for each in fields(self)))


def make_example(piece: Piece, shape: RollShape, *, semitones: int = 0) -> RollExample:
    """Features of ``piece`` transposed up by ``semitones``, which must keep it on the keyboard."""
    roll = shift(piece.roll, semitones)  # (T, 88)
    window = slice(shape.low - LOWEST, shape.high - LOWEST + 1)
    order = slice(None, None, -1 if shape.descending else 1)
    lagged = [_lagged(roll, lag) for lag in LAGS]
    guesses = _guesses(roll, piece.matches)
    planes = np.stack([*lagged, *_by_length(guesses, piece.matches.length[1:])], axis=1)[..., window][..., order]
    inside = roll[:, window][:, order]
    return RollExample(
        np.ascontiguousarray(planes),
        _facts(roll, lagged, piece.matches),
        _chroma(inside),
        np.arange(1, len(roll)),
        np.ascontiguousarray(inside[1:]),
        (roll.sum(1) - inside.sum(1, dtype=np.int64))[1:].astype(np.int64),
    )


def shift(roll: Roll, semitones: int) -> Roll:
    """``roll`` (T, 88) transposed up; keys beyond the ends of the keyboard are lost."""
    moved = np.zeros_like(roll)
    if semitones >= 0:
        moved[:, semitones:] = roll[:, : KEYS - semitones]
    else:
        moved[:, :semitones] = roll[:, -semitones:]
    return moved


def _lagged(roll: Roll, lag: int) -> Roll:
    """(S, 88): the frame ``lag`` before each predicted one, empty before the start."""
    return np.concatenate([np.zeros((min(lag, len(roll)), KEYS), dtype=np.uint8), roll])[1 : len(roll)]


def _guesses(roll: Roll, matches: Matches) -> list[Roll]:
    """(S, 88) of each kind: the frame that followed the match."""
    guesses = []
    for index, kind in enumerate(KINDS):
        source = matches.source[1:, index]
        guess = roll[np.maximum(source, 0)] * (source >= 0)[:, None].astype(np.uint8)
        guesses.append(_shift_each(guess, matches.semitones[1:]) if kind == "shifted" else guess)
    return guesses


def _shift_each(rows: Roll, semitones: NDArray[np.int64]) -> Roll:
    keys = np.arange(KEYS) - semitones[:, None]
    moved = np.take_along_axis(rows, np.clip(keys, 0, KEYS - 1), axis=1)
    return np.where((keys >= 0) & (keys < KEYS), moved, 0).astype(np.uint8)


def _by_length(guesses: list[Roll], length: NDArray[np.int64]) -> list[Roll]:
    """Planes (S, 88): each guess in the plane of its length's bucket, the other planes of the kind empty."""
    bucket = np.digitize(length, BUCKETS) - 1
    return [
        guess * (bucket[:, index] == each)[:, None].astype(np.uint8)
        for index, guess in enumerate(guesses)
        for each in range(len(BUCKETS))
    ]


def _facts(roll: Roll, lagged: list[Roll], matches: Matches) -> Floats:
    """(S, F): Jaccard similarity of the last frame to that of each lag, lengths of matches, sounding keys, time."""
    last = lagged[0]
    similarity = []
    for lag in LAGS:
        earlier = _lagged(roll, lag + 1)
        both, either = (last & earlier).sum(1), (last | earlier).sum(1)
        similarity.append(np.where(either > 0, both / np.maximum(either, 1), 1.0) * (np.arange(len(last)) >= lag))
    lengths = np.log2(1 + matches.length[1:]).T / 4
    facts = np.stack([*similarity, *lengths, last.sum(1) / 4, np.log1p(np.arange(len(last))) / 6], axis=1)
    if facts.shape[1] != FACTS:
        raise AssertionError(facts.shape)
    return facts.astype(np.float32)


def _chroma(inside: Roll) -> Floats:
    """(S, 3, 12): exponentially decayed shares of each pitch class, counted along the key axis."""
    folded = np.zeros((len(inside), 12), dtype=np.float32)
    for key in range(inside.shape[1]):
        folded[:, key % 12] += inside[:, key]
    out = np.zeros((max(len(inside) - 1, 0), len(CHROMA_DECAYS), 12), dtype=np.float32)
    memory = np.zeros((len(CHROMA_DECAYS), 12), dtype=np.float32)
    decays = np.array(CHROMA_DECAYS, dtype=np.float32)[:, None]
    for step in range(len(out)):
        memory = memory * decays + folded[step]
        out[step] = memory / np.maximum(memory.sum(1, keepdims=True), 1)
    return out


def collate(pieces: list[tuple[RollExample, int]], count: int) -> Steps:
    """``count`` steps from each (example, first step), padded at the end of a piece."""
    columns = {}
    for each in fields(RollExample):
        parts = [getattr(example, each.name)[at : at + count] for example, at in pieces]
        columns[each.name] = torch.from_numpy(np.stack([padded(part, count) for part in parts], axis=1))
    scored = [np.arange(at, at + count) < len(example) for example, at in pieces]
    return Steps(**columns, scored=torch.from_numpy(np.stack(scored, axis=1)))
