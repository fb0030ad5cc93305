"""Quick performers for tests about queues rather than music: each writes a real, tiny MIDI file."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import mido

from composer.errors import RefusedError
from composer.rendition import PartFacts, Rendition, Timings
from composer.request import ComposeRequest


def quick(
    request: ComposeRequest, folder: Path, _formats: object, *, progress: Callable[..., None], **_rest: object
) -> Rendition:
    progress("composing", 0.0)
    midi = mido.MidiFile(ticks_per_beat=24)
    track = mido.MidiTrack()
    midi.tracks.append(track)
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(request.tempo_bpm or 120)))
    for pitch in (60, 64, 67, 72):
        track.append(mido.Message("note_on", note=pitch, velocity=90, time=0))
        track.append(mido.Message("note_off", note=pitch, velocity=0, time=24))
    midi.save(folder / "song.mid")
    progress("rendering", 1.0)
    return Rendition(
        title=request.title, genre="+".join(request.genres), tempo_bpm=request.tempo_bpm or 120,
        randomness=request.randomness, sampling=request.sampling, seed=request.seed, key="C major",
        duration_seconds=2.0, bars=1, notes=4, parts=[PartFacts(name="Piano", program=0, is_drum=False, notes=4)],
        files={"mid": folder / "song.mid"}, checkpoint="test",
        timings_seconds=Timings(compose=0.1, audio=0.05, total=0.15),
    )  # fmt: skip


def refusing(*_request: object, **_rest: object) -> Rendition:
    raise RefusedError("a kazoo is not in this band")


def buggy(*_request: object, **_rest: object) -> Rendition:
    raise ZeroDivisionError("a bug in the band")


def once_unlucky(
    request: ComposeRequest, folder: Path, _formats: object, *, progress: Callable[..., None], **_rest: object
) -> Rendition:
    """A fault that passes: the disk is full the first time."""
    mark = Path(os.environ["TEST_FOLDER"]) / f"tried-{request.title}"
    if not mark.exists():
        mark.touch()
        raise OSError(28, "No space left on device")
    return quick(request, folder, None, progress=progress)


def unlucky(*_request: object, **_rest: object) -> Rendition:
    raise OSError(28, "No space left on device")


def gated(
    request: ComposeRequest, folder: Path, _formats: object, *, progress: Callable[..., None], **_rest: object
) -> Rendition:
    """Notes its process id for the test to find, then waits for the test to open the gate."""
    tests = Path(os.environ["TEST_FOLDER"])
    progress("composing", 0.5)
    (tests / f"pid-{request.title}-{os.getpid()}").touch()
    while not (tests / "open").exists():
        time.sleep(0.02)
    return quick(request, folder, None, progress=progress)
