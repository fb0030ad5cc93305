"""The piano-roll network: three LSTMs give the exact joint likelihood of each frame given the frames before it.

One LSTM runs along time with weights tied over keys (Johnson 2017): each key sees the past around itself, so the
network is equivariant under transposition. One runs along time over a summary of the sounding keys. One runs through
the keys of a frame, which are decided one after the other, each among all keys that are left and the end of the frame.

Shape letters: B batch rows, T time, K keys, C planes, E key width, H hidden, N scored frames, D decisions of all
frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the field's own name for it

from composer.model.layers import LayerState, initialise_lstm, locked_dropout, run_lstm
from training.pianoroll.features import Steps
from training.pianoroll.model_config import (
    CHORD_REACH,
    CHROMA_DECAYS,
    FACTS,
    FAR_REACH,
    LAST_REACH,
    NEAR_LAGS,
    NEAR_REACH,
    PLANES,
    RollShape,
)

State = tuple[LayerState, ...]
"""(hidden, cell) of the keys' LSTM, (1, B · K, H) each, and of the frames' LSTM, (1, B, H) each."""
OUTSIDE_PROBABILITY = 1e-5
"""Of each key that the network does not model, independently, so that no frame is impossible."""
_RANKS = 8
_METERS = (12, 16)


@dataclass(frozen=True, slots=True)
class RollDropouts:
    """Rates of AWD-LSTM (Merity et al. 2018); ``planes``: of a lag or match, for a whole segment."""

    planes: float = 0.0
    inputs: float = 0.0
    keys: float = 0.0
    frames: float = 0.0
    chord: float = 0.0
    recurrent_weights: float = 0.0


class RollNetwork(nn.Module):
    """See the module docstring. The recurrent state is passed and returned."""

    def __init__(self, shape: RollShape, dropouts: RollDropouts | None = None) -> None:
        super().__init__()
        self.shape, self.dropouts = shape, dropouts or RollDropouts()
        self.see = KeyFeatures(shape)
        self.keys = nn.LSTM(shape.features, shape.key_hidden)
        self.key = nn.Linear(shape.key_hidden + shape.features, shape.key)
        self.frames = nn.LSTM(4 * shape.key + FACTS, shape.frame_hidden)
        self.frame_time = _meters(4 * shape.key + FACTS)
        self.chord = Chord(shape)
        self.apply(_initialise)

    def forward(self, steps: Steps, state: State | None = None) -> tuple[Tensor, State]:
        """Nats of each frame, (T, B), 0 where none is scored; and the state after the last step."""
        keys, frames, state = self.recur(steps, state)
        chosen = steps.scored.flatten().nonzero().squeeze(-1)
        pick = [x.flatten(0, 1)[chosen] for x in (keys, frames, steps.planes, steps.target)]
        inside = self.chord(pick[0], pick[1], pick[2], pick[3], self.dropouts if self.training else RollDropouts())
        nats = inside.new_zeros(steps.scored.numel()).index_add(0, chosen, inside).view_as(steps.scored)
        return nats + self._outside(steps), state

    def recur(self, steps: Steps, state: State | None) -> tuple[Tensor, Tensor, State]:
        """Keys (T, B, K, E), frames (T, B, H), state."""
        rates = self.dropouts
        planes = _drop_planes(steps.planes, rates.planes) if self.training else steps.planes
        x = self._locked(self.see(planes, steps), rates.inputs)
        y, key_state = self._run(self.keys, x.flatten(1, 2), state[0] if state else None)
        keys = self._locked(F.gelu(self.key(torch.cat([y.view(*x.shape[:3], -1), x], dim=-1))), rates.keys)
        seen = torch.cat([_gathered(keys, steps.planes[..., 0, :]), steps.facts], dim=-1)
        seen = seen + _embed_time(self.frame_time, steps.time)
        frames, frame_state = self._run(self.frames, seen, state[1] if state else None)
        return keys, self._locked(frames, rates.frames), (key_state, frame_state)

    def _run(self, layer: nn.LSTM, x: Tensor, state: LayerState | None) -> tuple[Tensor, LayerState]:
        return run_lstm(layer, x, state, self.dropouts.recurrent_weights)

    def _locked(self, x: Tensor, rate: float) -> Tensor:
        return locked_dropout(x, rate, training=self.training)

    def _outside(self, steps: Steps) -> Tensor:
        """Nats (T, B) of the keys that are not modelled."""
        silent = -math.log1p(-OUTSIDE_PROBABILITY) * self.shape.outside
        each = math.log1p(-OUTSIDE_PROBABILITY) - math.log(OUTSIDE_PROBABILITY)
        return (silent + each * steps.outside.float()) * steps.scored


class KeyFeatures(nn.Module):
    """Input of each key: planes in windows around it, harmony relative to it, its rank in the last frame, the time."""

    def __init__(self, shape: RollShape) -> None:
        super().__init__()
        width = shape.features
        self.last = nn.Linear(2 * LAST_REACH + 1, width)
        self.near = nn.Linear((NEAR_LAGS - 1) * (2 * NEAR_REACH + 1), width, bias=False)
        self.far = nn.Linear((PLANES - NEAR_LAGS) * (2 * FAR_REACH + 1), width, bias=False)
        self.harmony = nn.Linear(len(CHROMA_DECAYS) * 12, width, bias=False)
        self.facts = nn.Linear(FACTS, width, bias=False)
        self.below, self.above = nn.Embedding(_RANKS, width), nn.Embedding(_RANKS, width)
        self.place = nn.Embedding(shape.keys, width)
        self.time = _meters(width)

    def forward(self, planes: Tensor, steps: Steps) -> Tensor:
        """``planes`` (T, B, C, K) → (T, B, K, features)."""
        x: Tensor = self.last(windows(planes[..., :1, :], LAST_REACH, LAST_REACH))
        x = x + self.near(windows(planes[..., 1:NEAR_LAGS, :], NEAR_REACH, NEAR_REACH))
        x = x + self.far(windows(planes[..., NEAR_LAGS:, :], FAR_REACH, FAR_REACH))
        x = x + self._harmony(steps.chroma, planes.shape[-1]) + self.place.weight
        x = x + self._ranks(planes[..., 0, :].long())
        known: Tensor = self.facts(steps.facts) + _embed_time(self.time, steps.time)
        return x + known[..., None, :]

    def _harmony(self, chroma: Tensor, keys: int) -> Tensor:
        """Pitch classes as intervals above each key: twelve views, shared by keys an octave apart."""
        classes = torch.arange(12, device=chroma.device)
        views = chroma[..., (classes[:, None] + classes) % 12]  # (T, B, 3, 12 views, 12)
        of_class: Tensor = self.harmony(views.transpose(-3, -2).flatten(-2))
        return of_class[..., torch.arange(keys, device=chroma.device) % 12, :]

    def _ranks(self, last: Tensor) -> Tensor:
        below = last.cumsum(-1) - last
        above = last.sum(-1, keepdim=True) - below - last
        ranks: Tensor = self.below(below.clamp(max=_RANKS - 1)) + self.above(above.clamp(max=_RANKS - 1))
        return ranks


class Chord(nn.Module):
    """The keys of a frame, decided in order, each among the keys that are left and the end."""

    def __init__(self, shape: RollShape) -> None:
        super().__init__()
        self.shape = shape
        self.begin = nn.Linear(shape.frame_hidden, 2 * shape.chord_hidden)
        self.step = nn.Embedding(shape.keys + 1, shape.key)
        self.layer = nn.LSTM(shape.key, shape.chord_hidden)
        self.ask = nn.Linear(shape.chord_hidden + shape.frame_hidden, shape.score)
        self.answer = nn.Linear(shape.key, shape.score, bias=False)
        self.around = nn.Linear(2 * CHORD_REACH, shape.score, bias=False)
        self.weigh = nn.Linear(shape.score, 1, bias=False)
        self.copy = nn.Linear(shape.score, PLANES)
        self.end = nn.Linear(shape.score, 1)

    def forward(self, keys: Tensor, frame: Tensor, planes: Tensor, target: Tensor, rates: RollDropouts) -> Tensor:
        """Nats (N,) of ``target`` (N, K) given ``keys`` (N, K, E), ``frame`` (N, H) and ``planes`` (N, C, K)."""
        decisions = Decisions.of(target)
        asked = self.ask(F.dropout(self._through(keys, frame, decisions, rates), rates.chord))
        logits = self._logits(asked, self.answer(keys), planes, target, decisions)
        nats = F.cross_entropy(logits, decisions.choice, reduction="none")
        return nats.new_zeros(len(target)).index_add(0, decisions.frame, nats)

    def _through(self, keys: Tensor, frame: Tensor, decisions: Decisions, rates: RollDropouts) -> Tensor:
        """(D, chord + frame): hidden state before each decision."""
        longest = int(decisions.number.max()) + 1
        steps = keys.new_zeros(longest, len(frame), keys.shape[-1])
        later = decisions.number > 0
        at, of, last = decisions.number[later], decisions.frame[later], decisions.last[later]
        before = decisions.before[later]
        interval = torch.where(before < 0, 0, last - before)
        steps[at, of] = (keys[of, last] + self.step(interval)).to(steps.dtype)
        hidden, cell = (part[None].contiguous() for part in torch.tanh(self.begin(frame)).chunk(2, dim=-1))
        out, _ = run_lstm(self.layer, steps, (hidden, cell), rates.recurrent_weights)
        return torch.cat([out[decisions.number, decisions.frame], frame[decisions.frame]], dim=-1)

    def _logits(self, asked: Tensor, answers: Tensor, planes: Tensor, target: Tensor, decisions: Decisions) -> Tensor:
        """(D, K + 1) logits; −∞ for keys up to the last chosen one; the end comes last."""
        places = torch.arange(target.shape[1], device=target.device)
        left = places > decisions.last[:, None]
        soon = torch.stack([target[decisions.frame].bool() & ~left, places == decisions.last[:, None]], dim=1)
        around = self.around(windows(soon, CHORD_REACH, -1))
        x = F.gelu(answers[decisions.frame] + asked[:, None] + around, approximate="tanh")
        guesses = planes[decisions.frame].to(asked.dtype)
        logits = self.weigh(x).squeeze(-1) + torch.bmm(self.copy(asked)[:, None].to(guesses.dtype), guesses).squeeze(1)
        return torch.cat([logits.float().masked_fill(~left, -math.inf), self.end(asked).float()], dim=-1)


@dataclass(frozen=True, slots=True)
class Decisions:
    """All decisions of N frames, (D,) each.

    ``frame``, ``number`` in it, ``choice`` (K: the end), the key chosen ``last``, the one ``before`` it (−1: none).
    """

    frame: Tensor
    number: Tensor
    choice: Tensor
    last: Tensor
    before: Tensor

    @classmethod
    def of(cls, target: Tensor) -> Decisions:
        """The decisions that lead to ``target`` (N, K)."""
        ended = F.pad(target.bool(), (0, 1), value=True)
        frame, choice = ended.nonzero(as_tuple=True)
        number = (ended.cumsum(-1) - 1)[frame, choice]
        last = F.pad(choice, (1, 0))[:-1].masked_fill(number == 0, -1)
        before = F.pad(last, (1, 0), value=-1)[:-1].masked_fill(number < 2, -1)
        return cls(frame, number, choice, last, before)


def windows(planes: Tensor, down: int, up: int) -> Tensor:
    """(…, C, K) → (…, K, C · (down + 1 + up)): for each key the planes from ``down`` keys before it to ``up`` after."""
    padded = F.pad(planes.float(), (down, up)) if up >= 0 else F.pad(planes.float(), (down, 0))[..., :-1]
    return padded.unfold(-1, down + 1 + up, 1).transpose(-3, -2).flatten(-2)


def _gathered(keys: Tensor, last: Tensor) -> Tensor:
    """(T, B, 4 E): mean of the sounding keys, the first and the last of them, and the mean of all keys."""
    sounding = last.to(keys.dtype)
    count = sounding.sum(-1, keepdim=True)
    first = sounding * (sounding.cumsum(-1) == 1)
    final = sounding * (sounding.cumsum(-1) == count)
    every = torch.full_like(first, 1 / first.shape[-1])
    weights = torch.stack([sounding / count.clamp(min=1), first, final, every], -2)
    return torch.matmul(weights, keys).flatten(-2)


def _drop_planes(planes: Tensor, rate: float) -> Tensor:
    """Drop each plane but the last frame, for a whole segment of a batch row, with probability ``rate``."""
    keep = torch.rand(1, *planes.shape[1:3], 1, device=planes.device) >= rate
    keep[:, :, 0] = True
    return planes * keep


def _meters(width: int) -> nn.ModuleList:
    return nn.ModuleList(nn.Embedding(meter, width) for meter in _METERS)


def _embed_time(tables: nn.ModuleList, time: Tensor) -> Tensor:
    """The sum of the embeddings of ``time`` modulo each meter."""
    each = [table(time % meter) for table, meter in zip(tables, _METERS, strict=True)]
    return torch.stack(each).sum(0)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.05)
    elif isinstance(module, nn.LSTM):
        initialise_lstm(module)
