"""Train the expression network: exact velocities and lengths of notes whose classes are given.

``python -m training.expression.train CORPUS --out FILE`` reads archives of MIDI with their ``manifest.csv``, trains
on the train split for ``--minutes`` and reports nats a note on the valid split, the mean of its genres. Genres are
weighted by the square root of their notes. The result is read by ``composer.model.expression``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  torch's own name for it

from composer.model.expression_file import FORMAT
from midi_data.bars import BarGrid
from midi_data.corpus.archive import is_archive, midi_members
from midi_data.corpus.manifest import read_manifest
from midi_data.errors import BadMidiError
from midi_data.events.encoding import DRUM_DURATION, VELOCITY_STEP, duration_class
from midi_data.events.expression_features import (
    FEATURES,
    LENGTH_CODES,
    NO_GENRE,
    RESIDUALS,
    ExpressionHistory,
    length_code,
    note_groups,
)
from midi_data.io.midi_file import song_from_bytes
from midi_data.song import Song, Track

HIDDEN, WIDTH = 128, 64
LONGEST_PART = 512
"""Notes of a part that one training sequence holds; longer parts are cut into several."""
BATCH = 48
SEQUENCES = 2400
"""Sequences that are drawn at once and sorted by length."""
GENRE_POWER = 0.5
GENRE_DROPOUT = 0.1
VALIDATE_EVERY = 500
LEARNING_RATE = 3e-3


@dataclass(frozen=True, slots=True)
class Part:
    """One part: ``features`` (N, F), ``target`` (N, 2) residual and length code, ``genre`` class."""

    features: NDArray[np.int16]
    target: NDArray[np.int16]
    genre: int


class ExpressionNetwork(nn.Module):
    """An LSTM over one part's notes → logits of the velocity residual, then of the length given the residual."""

    first_row: Tensor

    def __init__(self, genres: int) -> None:
        super().__init__()
        self.tables = nn.ModuleDict({name: nn.Embedding(count, WIDTH) for name, count in FEATURES.items()})
        counts = torch.tensor(list(FEATURES.values()))
        self.register_buffer("first_row", counts.cumsum(0) - counts, persistent=False)
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
        weights = torch.cat([cast("nn.Embedding", table).weight for table in self.tables.values()])  # (rows, W)
        rows = (features + self.first_row).flatten(0, 1)  # (T · B, F)
        x = F.embedding_bag(rows, weights, mode="sum").view(*features.shape[:2], WIDTH) + self.genre(genre)  # (T, B, W)
        hidden, _ = self.lstm(x)  # (T, B, H)
        length = self.length(hidden) + self.length_skip(x) + self.length_given(residual)  # (T, B, 32)
        return self.residual(hidden) + self.residual_skip(x), length


def parts_of(song: Song, genre: int) -> Iterator[Part]:
    """Every part of ``song`` as training sequences; targets are the exact velocities and lengths of its notes."""
    grid, residuals = BarGrid.of(song.meters, song.end), dict[int, int]()
    tracks = sorted((track for track in song.tracks if track.notes), key=lambda track: -len(track.notes))
    parts = [_PlayedPart(track, residuals, grid) for track in tracks]
    for number, first, stop in note_groups([len(track.notes) for track in tracks]):
        for part in parts[first:stop]:
            part.read(number)
        for part in parts[first:stop]:
            part.record()
    for part in parts:
        for begin in range(0, len(part.rows), LONGEST_PART):
            rows, targets = (each[begin : begin + LONGEST_PART] for each in (part.rows, part.targets))
            yield Part(np.array(rows, np.int16), np.array(targets, np.int16), genre)


class _PlayedPart:
    """Features (``rows``) and ``targets`` of one part's notes, read one by one."""

    def __init__(self, track: Track, song_residuals: dict[int, int], grid: BarGrid) -> None:
        self.rows, self.targets = list[tuple[int, ...]](), list[tuple[int, int]]()
        self._notes, self._is_drum = sorted(track.notes), track.is_drum
        onsets = np.array([note.onset for note in self._notes], dtype=np.int64)
        self._bars: list[int] = np.minimum(grid.bar_of(onsets), len(grid) - 1).tolist()
        self._starts: list[int] = grid.first_tick.tolist()
        self._history = ExpressionHistory(track.program, song_residuals, is_drum=track.is_drum)

    def read(self, number: int) -> None:
        """Append features and target of note ``number``."""
        note, bar = self._notes[number], self._bars[number]
        start = self._starts[bar]
        previous_bar = start - self._starts[bar - 1] if bar else 0
        velocity, residual = divmod(note.velocity, VELOCITY_STEP)
        duration = duration_class(DRUM_DURATION if self._is_drum else note.duration)
        length = length_code(note.duration, duration, is_drum=self._is_drum)
        into = note.onset - start
        self.rows.append(self._history.features(note.onset, note.pitch, velocity, duration, into, previous_bar))
        self.targets.append((residual, length))
        self._chosen = note.onset, note.pitch, velocity, duration, residual, length

    def record(self) -> None:
        """Let the note that was read become history."""
        self._history.add(*self._chosen)


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


def validate(network: ExpressionNetwork, parts: list[Part]) -> dict[int, list[float]]:
    """Nats a note of residuals and of lengths on the ``parts`` of each genre."""
    network.eval()
    figures = {}
    for genre in sorted({part.genre for part in parts}):
        own = [part for part in parts if part.genre == genre]
        with torch.no_grad():
            total = sum((nll(network, *batch) for batch in batches(own, None)), torch.zeros(2))
        figures[genre] = (total / sum(len(part.target) for part in own)).tolist()
    network.train()
    return figures


def mean_nats(figures: dict[int, list[float]]) -> list[float]:
    """The mean over genres of ``validate``'s figures: residuals, lengths."""
    return [round(float(each), 4) for each in np.mean(list(figures.values()), axis=0)]


def sampling_shares(parts: list[Part]) -> NDArray[np.float64]:
    """(N,) how often each of ``parts`` is drawn: genres by the square root of their notes."""
    notes = np.bincount([part.genre for part in parts], [len(part.target) for part in parts])
    shares = np.array([notes[part.genre] ** (GENRE_POWER - 1) for part in parts])
    return np.asarray(shares / shares.sum())


def train(parts: dict[str, list[Part]], genres: int, minutes: float, seed: int) -> ExpressionNetwork:
    """Adam with cosine decay over ``minutes`` of wall-clock time."""
    torch.manual_seed(seed)
    rng, network = np.random.default_rng(seed), ExpressionNetwork(genres)
    optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    shares, begun, seconds, update = sampling_shares(parts["train"]), time.monotonic(), 60 * minutes, 0
    while True:
        drawn = [parts["train"][n] for n in rng.choice(len(shares), SEQUENCES, p=shares)]
        for features, genre, target in batches(drawn, rng):
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
            if update % VALIDATE_EVERY == 0:
                held_out = mean_nats(validate(network, parts["valid"]))
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
    figures = validate(network, parts["valid"])
    held_out = mean_nats(figures)
    by_genre = {genres[genre]: [round(each, 4) for each in nats] for genre, nats in figures.items()}
    header = {"format": FORMAT, "genres": json.dumps(genres), "valid": json.dumps(by_genre)}
    save_file({name: weight.half() for name, weight in network.state_dict().items()}, arguments.out, header)
    result = {"residual": held_out[0], "length": held_out[1], "genres": by_genre, "file": str(arguments.out)}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
