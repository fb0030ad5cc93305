"""Quick performers for tests about queues rather than music: each writes a real, tiny MIDI file."""

import atexit
import ctypes
import errno
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import mido

from composer.errors import RefusedError
from composer.planning.files.given import GivenSong
from composer.render import RenderedFiles, render
from composer.request import ComposeRequest, Format
from composer.result import PartFacts, Rendition, Timings
from midi_data.song import TICKS_PER_QUARTER, Note, Song, Tempo, Track
from tests.waiting import wait_for


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


def continuing(
    request: ComposeRequest, folder: Path, _formats: object, *, primer: Song, progress: Callable[..., None], **_: object
) -> Rendition:
    """Names its song after the notes of the primer."""
    notes = sum(len(track.notes) for track in primer.tracks)
    done = quick(request, folder, None, progress=progress)
    return done.model_copy(update={"title": f"continues {notes} notes"})


def imitating(
    request: ComposeRequest, folder: Path, _formats: object, *, like: Song, progress: Callable[..., None], **_: object
) -> Rendition:
    """Names its song after the notes of the file it is like."""
    notes = sum(len(track.notes) for track in like.tracks)
    done = quick(request, folder, None, progress=progress)
    return done.model_copy(update={"title": f"like {notes} notes"})


def refusing(*_request: object, **_rest: object) -> Rendition:
    raise RefusedError("a kazoo is not in this band")


def buggy(*_request: object, **_rest: object) -> Rendition:
    raise ZeroDivisionError("a bug in the band")


def callback(*_arguments: object) -> None:
    """What a forged job names as its callback."""
    (Path(os.environ["TEST_FOLDER"]) / "called").touch()


def fails_once(
    request: ComposeRequest, folder: Path, _formats: object, *, progress: Callable[..., None], **_rest: object
) -> Rendition:
    """A transient error: the disk does not answer the first time."""
    mark = Path(os.environ["TEST_FOLDER"]) / f"tried-{request.title}"
    if not mark.exists():
        mark.touch()
        raise OSError(errno.EIO, "Input/output error")
    return quick(request, folder, None, progress=progress)


def failing(*_request: object, **_rest: object) -> Rendition:
    raise OSError(errno.EIO, "Input/output error")


def full_disk(
    request: ComposeRequest, folder: Path, _formats: object, *, progress: Callable[..., None], **_rest: object
) -> Rendition:
    """The disk is full until the test frees it."""
    if not (Path(os.environ["TEST_FOLDER"]) / "open").exists():
        raise OSError(errno.ENOSPC, "No space left on device")
    return quick(request, folder, None, progress=progress)


def gated(
    request: ComposeRequest, folder: Path, _formats: object, *, progress: Callable[..., None], **_rest: object
) -> Rendition:
    """Notes its process id for the test to find, then waits for the test to open the gate."""
    tests = Path(os.environ["TEST_FOLDER"])
    progress("composing", 0.5)
    (tests / f"pid-{request.title}-{os.getpid()}").touch()
    wait_for((tests / "open").exists, 3600)
    return quick(request, folder, None, progress=progress)


def long_unless_asked(
    request: ComposeRequest, folder: Path, _formats: object, *, progress: Callable[..., None], **_rest: object
) -> Rendition:
    """Composes songs of 30 seconds, the house's, for as long as nothing stops it."""
    (Path(os.environ["TEST_FOLDER"]) / "begun").touch()
    if request.length_seconds == 30:
        wait_for(lambda: progress("composing", 0.5))
    return quick(request, folder, None, progress=progress)


def greedy(
    request: ComposeRequest, folder: Path, _formats: object, *, progress: Callable[..., None], **_rest: object
) -> Rendition:
    """Foreign code that holds Python's lock for seconds on end, as encoders do: no thread of ours runs meanwhile."""
    ctypes.PyDLL(None).sleep(5)
    return quick(request, folder, None, progress=progress)


def simple_tune(
    request: ComposeRequest,
    folder: Path,
    formats: Sequence[Format],
    *,
    progress: Callable[..., None],
    given: GivenSong | None = None,
    **_rest: object,
) -> Rendition:
    """A simple tune for a whole band, really rendered: for tests that play, watch and download."""
    progress("composing", 0.0)
    song = _tune(request, random.Random(f"{request.seed} {request.variation}" if request.variation else request.seed))
    if given and given.replaced:
        tracks = (song.tracks[n] if n in given.replaced else track for n, track in enumerate(given.song.tracks))
        song = replace(given.song, tracks=tuple(tracks))
    progress("composing", 1.0)
    files = _rendered(song, tuple(formats), folder, progress)
    parts = [PartFacts(name=t.name, program=t.program, is_drum=t.is_drum, notes=len(t.notes)) for t in song.tracks]
    return Rendition(
        title=request.title, genre="+".join(request.genres), tempo_bpm=song.tempo_bpm, randomness=request.randomness,
        sampling=request.sampling, seed=request.seed, key="E minor", duration_seconds=song.duration_seconds,
        bars=song.bar_count, notes=song.note_count, parts=parts, files=files.files, checkpoint="simple_tune",
        timings_seconds=Timings(audio=files.audio_seconds, video=files.video_seconds),
    )  # fmt: skip


_KEPT: dict[tuple[Song, tuple[Format, ...]], tuple[Path, RenderedFiles]] = {}
"""Songs that this process has rendered, by notes and formats: many tests want the same one."""


def _rendered(song: Song, formats: tuple[Format, ...], folder: Path, progress: Callable[..., None]) -> RenderedFiles:
    wanted = replace(song, title=""), formats
    if wanted not in _KEPT:
        kept = Path(tempfile.mkdtemp(prefix="riffbird-tune-"))
        atexit.register(shutil.rmtree, kept, ignore_errors=True)
        done = render(
            song, formats, kept, "song", subtitle="simple_tune",
            progress=lambda share: progress("rendering", share),
        )  # fmt: skip
        _KEPT[wanted] = kept, done
    kept, done = _KEPT[wanted]
    files = {name: Path(shutil.copy(path, folder)) for name, path in done.files.items()}
    progress("rendering", 1.0)
    return replace(done, files=files)


def _tune(request: ComposeRequest, chance: random.Random) -> Song:
    bpm = request.tempo_bpm or 140
    bars = max(2, round(request.length_seconds * bpm / 240))
    roots = [chance.choice((40, 43, 45, 47, 48)) for _ in range(4)] * (bars // 4 + 1)
    riff = [chance.choice((0, 0, 3, 5, 7, 10)) for _ in range(8)]
    step = TICKS_PER_QUARTER // 2
    lead, rhythm, bass, drums = [], [], [], []
    for bar in range(bars):
        for eighth in range(8):
            onset = (bar * 8 + eighth) * step
            rhythm += [Note(onset, roots[bar] + up, step - 2, 84) for up in (0, 7)]
            bass.append(Note(onset, roots[bar] - 12, step - 1, 90))
            drums.append(Note(onset, 42, 3, 60))
            drums += [Note(onset, key, 3, 105) for key, beats in ((36, (0, 3, 4)), (38, (2, 6))) if eighth in beats]
            if chance.random() < 0.7:
                lead.append(Note(onset, roots[bar] + 24 + riff[eighth], chance.choice((step, 2 * step)) - 1, 96))
    tracks = (("Lead guitar", 30, lead), ("Rhythm guitar", 29, rhythm), ("Bass", 33, bass), ("Drums", 0, drums))
    made = tuple(Track(program, name == "Drums", tuple(sorted(notes)), name) for name, program, notes in tracks)
    return Song(made, (Tempo(0, bpm),), title=request.title or "Untitled", end=bars * 4 * TICKS_PER_QUARTER)
