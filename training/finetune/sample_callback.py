"""Sample songs of a training: the same seeds at each validation, the first song kept as MIDI and picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from composer.decoding.generate import Composer
from composer.model.checkpoint import Checkpoint
from composer.planning.plan import plan_song
from composer.request import ComposeRequest
from composer.video.still import write_png
from midi_data.events.encoding import encode
from midi_data.io.midi_writer import write_midi
from midi_data.song import Song
from training.finetune.memorization import MemorizationCheck, NearestPiece

FIRST_SEED = 1


@dataclass(frozen=True, slots=True)
class Samples:
    """Copy rates of the songs of one validation, and the files of the first song."""

    copy_rate: float
    real_rate: float
    midi: Path
    picture: Path
    nearest: NearestPiece | None

    @property
    def memorized(self) -> bool:
        """Whether the songs repeat training pieces more than held-out pieces do."""
        return self.copy_rate > self.real_rate

    def facts(self) -> dict[str, Any]:
        """The figures, JSON-ready."""
        return {"copy_rate": self.copy_rate, "real_rate": self.real_rate, "sample": self.midi.name}


class SampleCallback:
    """Composes ``count`` songs of ``genre``, ``seconds`` long, with the same seeds each time, into ``folder``."""

    def __init__(self, genre: str, check: MemorizationCheck, folder: Path, *, count: int, seconds: float) -> None:
        self.genre, self.check, self.folder = genre, check, folder
        self.count, self.seconds = count, seconds

    def compose(self, checkpoint: Checkpoint, count: int, first_seed: int = FIRST_SEED) -> list[Song]:
        """``count`` songs by ``checkpoint``."""
        return compose_songs(checkpoint, self.genre, count, first_seed, self.seconds)

    def __call__(self, checkpoint: Checkpoint, update: int) -> Samples:
        """Compose, write the first song's files, and compare all songs with the training pieces."""
        songs = self.compose(checkpoint, self.count)
        events = [encode(song) for song in songs]
        self.folder.mkdir(parents=True, exist_ok=True)
        midi, picture = (self.folder / f"update-{update:05d}.{ending}" for ending in ("mid", "png"))
        write_midi(songs[0], midi)
        write_png(songs[0], picture, title=f"{self.genre}, update {update}")
        # An untrained network may compose silence.
        rate = self.check.rate([each for each in events if len(each)])
        nearest = self.check.nearest(events[0]) if len(events[0]) else None
        return Samples(rate, self.check.real_rate, midi, picture, nearest)


def compose_songs(checkpoint: Checkpoint, genre: str, count: int, first_seed: int, seconds: float) -> list[Song]:
    """``count`` songs of ``genre`` with seeds from ``first_seed`` on."""
    requests = [
        ComposeRequest(genres={genre: 1.0}, seed=first_seed + number, length_seconds=seconds) for number in range(count)
    ]
    return Composer(checkpoint).compose([plan_song(request, checkpoint) for request in requests])
