"""What a training sounds like on the way: the same few songs composed at each validation, one kept to listen to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from composer.decoding.generate import Composer
from composer.model.checkpoint import Checkpoint
from composer.planning.plan import plan_song
from composer.request import ComposeRequest
from composer.video.still import write_png
from midi_data.events.encoding import EventSequence, encode
from midi_data.io.midi_file import write_midi
from midi_data.song import Song
from training.finetune.memorization import CopyWatch, NearestPiece

FIRST_SEED = 1


@dataclass(frozen=True, slots=True)
class Heard:
    """One hearing: how much of the songs is copied, and the first one's files."""

    copy_rate: float
    real_rate: float
    midi: Path
    picture: Path
    nearest: NearestPiece | None

    @property
    def recites(self) -> bool:
        """Whether the songs repeat training pieces more than real held-out pieces do."""
        return self.copy_rate > self.real_rate


class Listening:
    """Composes ``count`` songs of ``genre`` a hearing, with the same seeds each time; files go to ``folder``."""

    def __init__(self, genre: str, watch: CopyWatch, folder: Path, *, count: int, seconds: float) -> None:
        self.genre, self.watch, self.folder = genre, watch, folder
        self.count, self.seconds = count, seconds

    def compose(self, checkpoint: Checkpoint, count: int, first_seed: int = FIRST_SEED) -> list[Song]:
        """``count`` songs by ``checkpoint``."""
        requests = [
            ComposeRequest(genres={self.genre: 1.0}, seed=first_seed + number, length_seconds=self.seconds)
            for number in range(count)
        ]
        return Composer(checkpoint).compose([plan_song(request, checkpoint) for request in requests])

    def hear(self, checkpoint: Checkpoint, update: int) -> Heard:
        """Compose, keep the first song as MIDI and picture, and hold all against the training pieces."""
        songs = self.compose(checkpoint, self.count)
        events = [encode(song) for song in songs]
        self.folder.mkdir(parents=True, exist_ok=True)
        midi, picture = (self.folder / f"update-{update:05d}.{ending}" for ending in ("mid", "png"))
        write_midi(songs[0], midi)
        write_png(songs[0], picture, title=f"{self.genre}, update {update}")
        sounding = sounding_only(events)
        nearest = self.watch.nearest(events[0]) if len(events[0]) else None
        return Heard(self.watch.rate(sounding), self.watch.real_rate, midi, picture, nearest)


def sounding_only(pieces: Sequence[EventSequence]) -> list[EventSequence]:
    """Those with notes: a network that has just begun may compose silence."""
    return [piece for piece in pieces if len(piece)]
