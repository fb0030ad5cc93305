"""Train the expression network: exact velocities and lengths of notes whose classes are given.

``python -m training.expression.train CORPUS --out FILE`` reads archives of MIDI with their ``manifest.csv``, trains
on the
train split for ``--minutes`` and reports nats a note on the valid split. The result is read by
``composer.model.expression``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  torch's own name for it

from midi_data.bars import BarGrid
from midi_data.corpus.archive import is_archive, midi_members
from midi_data.corpus.manifest import read_manifest
from midi_data.errors import BadMidiError
from midi_data.events.encoding import VELOCITY_STEP, duration_class
from midi_data.events.expression_features import (
    FEATURES,
    LENGTH_CODES,
    NO_GENRE,
    RESIDUALS,
    ExpressionHistory,
    length_code,
)
from midi_data.io.midi_file import song_from_bytes
from midi_data.song import Song

HIDDEN, WIDTH = 128, 64
LONGEST_PART = 512
"""Notes of a part that one training sequence holds; longer parts are cut into several."""
BATCH = 48
GENRE_DROPOUT = 0.1
LEARNING_RATE = 3e-3


@dataclass(frozen=True, slots=True)
class Part:
    """One part: ``features`` (N, F), ``target`` (N, 2) residual and length code, ``genre`` class."""

    features: NDArray[np.int16]
    target: NDArray[np.int16]
    genre: int


class ExpressionNetwork(nn.Module):
    """An LSTM over one part's notes → logits of the velocity residual, then of the length given the residual."""

    def __init__(self, genres: int) -> None:
        super().__init__()
        self.tables = nn.ModuleDict({name: nn.Embedding(count, WIDTH) for name, count in FEATURES.items()})
        self.genre = nn.Embedding(genres, WIDTH)
        self.lstm = nn.LSTM(WIDTH, HIDDEN)
        self.residual = nn.Linear(HIDDEN, RESIDUALS)
        self.residual_skip = nn.Linear(WIDTH, RESIDUALS, bias=False)
        self.length = nn.Linear(HIDDEN, LENGTH_CODES)
        self.length_skip = nn.Linear(WIDTH, LENGTH_CODES, bias=False)
        self.length_given = nn.Embedding(RESIDUALS, LENGTH_CODES)
        for weight in (*self.tables.parameters(), *self.genre.parameters()):
            nn.init.normal_(weight, std=0.3)
        nn.init.zeros_(self.length_given.weight)

    def forward(self, features: Tensor, genre: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        """Features (T, B, F), genre (B,), true residual (T, B) → logits (T, B, 8) and (T, B, 32)."""
        x = self.genre(genre)  # (B, W)
        x = x + sum(table(features[..., i]) for i, table in enumerate(self.tables.values()))  # (T, B, W)
        hidden, _ = self.lstm(x)  # (T, B, H)
        length = self.length(hidden) + self.length_skip(x) + self.length_given(residual)  # (T, B, 32)
        return self.residual(hidden) + self.residual_skip(x), length


def parts_of(song: Song, genre: int) -> Iterator[Part]:
    """Every part of ``song`` as training sequences; targets are the exact velocities and lengths of its notes."""
    grid = BarGrid.of(song.meters, song.end)
    starts, last = grid.first_tick, len(grid) - 1
    for track in song.tracks:
        notes = sorted(track.notes)
        onsets = np.array([note.onset for note in notes], dtype=np.int64)
        bars = np.minimum(grid.bar_of(onsets), last) if notes else onsets
        history, rows, targets = ExpressionHistory(track.program, is_drum=track.is_drum), [], []
        for note, bar in zip(notes, bars.tolist(), strict=True):
            start = int(starts[bar])
            previous_bar = start - int(starts[bar - 1]) if bar else 0
            velocity, residual = divmod(note.velocity, VELOCITY_STEP)
            duration = duration_class(6 if track.is_drum else note.duration)
            length = length_code(note.duration, duration, is_drum=track.is_drum)
            rows.append(history.features(note.onset, note.pitch, velocity, duration, note.onset - start, previous_bar))
            targets.append((residual, length))
            history.add(note.onset, note.pitch, velocity, duration, residual, length)
        for first in range(0, len(rows), LONGEST_PART):
            stop = first + LONGEST_PART
            yield Part(np.array(rows[first:stop], np.int16), np.array(targets[first:stop], np.int16), genre)


def read_corpus(folder: Path) -> tuple[dict[str, list[Part]], list[str]]:
    """Parts by split (``train``, ``valid``) and the genre names (class 0 is "any") of archives with a manifest."""
    manifest = read_manifest(folder / "manifest.csv")
    names = ["any", *sorted({entry.genre for entry in manifest.values()})]
    parts: dict[str, list[Part]] = {"train": [], "valid": []}
    for archive in sorted(path for path in folder.iterdir() if is_archive(path)):
        for member in midi_members(archive):
            entry = manifest.get(member.name)
            if entry is None or member.data is None:
                continue
            try:
                song = song_from_bytes(member.data, source=member.name)
            except BadMidiError as error:
                sys.stderr.write(f"{member.name}: left out: {error}\n")
                continue
            parts[entry.split] += parts_of(song, names.index(entry.genre))
        sys.stderr.write(f"{archive.name}: {sum(len(part.target) for part in parts['train'])} notes so far\n")
    return parts, names


def batches(parts: list[Part], rng: np.random.Generator | None) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Features (T, B, F), genre (B,) and target (T, B, 2; −1 beyond a part's end), parts of like length together."""
    order = sorted(range(len(parts)), key=lambda n: len(parts[n].target) + (rng.uniform(0, 40) if rng else 0))
    groups = [order[i : i + BATCH] for i in range(0, len(order), BATCH)]
    if rng:
        rng.shuffle(groups)
    for group in groups:
        longest = max(len(parts[n].target) for n in group)
        features = np.zeros((longest, len(group), len(FEATURES)), np.int64)
        target = np.full((longest, len(group), 2), -1, np.int64)
        for column, n in enumerate(group):
            count = len(parts[n].target)
            features[:count, column], target[:count, column] = parts[n].features, parts[n].target
        genre = np.array([parts[n].genre for n in group])
        if rng:
            genre[rng.random(len(group)) < GENRE_DROPOUT] = NO_GENRE
        yield torch.from_numpy(features), torch.from_numpy(genre), torch.from_numpy(target)


def nll(network: ExpressionNetwork, features: Tensor, genre: Tensor, target: Tensor) -> Tensor:
    """(2,) summed negative log-likelihood in nats of residuals and lengths; padding counts nothing."""
    residual, length = network(features, genre, target[..., 0].clamp(min=0))
    return torch.stack(
        [
            F.cross_entropy(logits.flatten(0, 1), target[..., i].flatten(), ignore_index=-1, reduction="sum")
            for i, logits in enumerate((residual, length))
        ]
    )


def validate(network: ExpressionNetwork, parts: list[Part]) -> list[float]:
    """Nats a note of residuals and of lengths on ``parts``."""
    network.eval()
    with torch.no_grad():
        total = sum((nll(network, *batch) for batch in batches(parts, None)), torch.zeros(2))
    network.train()
    return [round(float(each) / sum(len(part.target) for part in parts), 4) for each in total]


def train(parts: dict[str, list[Part]], genres: int, minutes: float, seed: int) -> ExpressionNetwork:
    """Adam with cosine decay over ``minutes`` of wall-clock time."""
    torch.manual_seed(seed)
    rng, network = np.random.default_rng(seed), ExpressionNetwork(genres)
    optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    begun, seconds, update = time.monotonic(), 60 * minutes, 0
    while True:
        for features, genre, target in batches(parts["train"], rng):
            done = (time.monotonic() - begun) / seconds
            if done >= 1:
                return network
            for group in optimiser.param_groups:
                group["lr"] = LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * done))
            loss = nll(network, features, genre, target).sum() / (target[..., 0] >= 0).sum()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            update += 1
            if update % 200 == 0:
                held_out = validate(network, parts["valid"])
                sys.stderr.write(f"{done:.0%} update {update}: train {float(loss.detach()):.3f}, valid {held_out}\n")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    parts, genres = read_corpus(arguments.corpus)
    network = train(parts, len(genres), arguments.minutes, arguments.seed)
    held_out = validate(network, parts["valid"])
    header = {"format": "riffbird-expression-1", "genres": json.dumps(genres), "valid": json.dumps(held_out)}
    save_file({name: weight.half() for name, weight in network.state_dict().items()}, arguments.out, header)
    sys.stdout.write(json.dumps({"residual": held_out[0], "length": held_out[1], "file": str(arguments.out)}) + "\n")


if __name__ == "__main__":
    main()
