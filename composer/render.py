"""Renders a song to its files. Sound and picture libraries are imported only if a format needs them."""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

from composer.errors import RefusedError
from composer.request import Format
from midi_data.song import Song

if TYPE_CHECKING:
    from composer.audio.signal import Audio

Progress = Callable[[float], None] | None
"""Callback that receives the finished fraction of the rendering, 0–1, never falling; ``None`` reports nothing."""

T = TypeVar("T")

ARTIST = "Riffbird"
_WEIGHTS: dict[str, float] = {"mid": 0.1, "sound": 3.0, "wav": 0.1, "mp3": 1.0, "ogg": 0.6, "png": 0.5, "mp4": 6.0}
"""Typical duration of each step, relative to the others."""
_NEEDS_SOUND = ("wav", "mp3", "ogg", "mp4")


@dataclass(frozen=True, slots=True)
class RenderedFiles:
    """The written files, format → path, and the seconds that making sound and pictures took."""

    files: dict[str, Path]
    audio_seconds: float
    video_seconds: float


def render(
    song: Song,
    formats: Sequence[Format],
    folder: Path,
    stem: str,
    *,
    title: str = "",
    subtitle: str = "",
    progress: Progress = None,
) -> RenderedFiles:
    """Write ``song`` to ``folder/stem.<format>`` for each of ``formats``: all files appear at the end, or none.

    ``title`` (default: the song's) and ``subtitle`` are shown in pictures and tags. Raises `RefusedError` for a folder
    that cannot be written to, or a soundfont that does not exist.
    """
    names = list(dict.fromkeys(formats))
    with _staging_folder(folder, stem) as staging:
        job = _Rendering(song, staging, title or song.title, subtitle, _TotalProgress(progress, _steps(names)))
        job.run(names)
        for name in names:
            (staging / name).replace(folder / f"{stem}.{name}")
    files: dict[str, Path] = {name: folder / f"{stem}.{name}" for name in names}
    return RenderedFiles(files, job.seconds["audio"], job.seconds["video"])


@contextmanager
def _staging_folder(folder: Path, stem: str) -> Iterator[Path]:
    """Make a hidden folder inside ``folder``, so that finished files are moved by a rename; remove it afterwards."""
    if not stem or Path(stem).name != stem:
        raise RefusedError(f"a file name is one plain word, not {stem!r}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        staging = tempfile.TemporaryDirectory(prefix=".riffbird-", dir=folder)
    except OSError as error:
        raise RefusedError(f"cannot write to the folder {folder}: {error.strerror}") from error
    with staging as name:
        yield Path(name)


def _steps(names: Sequence[str]) -> list[str]:
    return [*names, "sound"] if any(name in _NEEDS_SOUND for name in names) else list(names)


class _TotalProgress:
    """Combines the fractions of several steps, some of which run in parallel, into one that never falls."""

    def __init__(self, callback: Progress, steps: Sequence[str]) -> None:
        self._callback, self._lock, self._reported = callback, Lock(), 0.0
        self._total = sum(_WEIGHTS[step] for step in steps)
        self._done = dict.fromkeys(steps, 0.0)

    def of(self, step: str) -> Callable[[float], None]:
        """Return the callback of one step."""

        def report(fraction: float) -> None:
            with self._lock:
                self._done[step] = min(max(fraction, self._done[step]), 1.0)
                total = sum(_WEIGHTS[name] * done for name, done in self._done.items()) / self._total
                self._reported = max(self._reported, min(total, 1.0))
                if self._callback is not None:
                    self._callback(self._reported)

        return report


def _release_free_memory() -> None:
    """Return freed memory to the system: glibc keeps 80 MB of it after a mix."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


class _Rendering:
    """One rendering. Files are written into ``staging``, named by their format."""

    def __init__(self, song: Song, staging: Path, title: str, subtitle: str, progress: _TotalProgress) -> None:
        self.song, self.staging, self.title, self.subtitle, self.progress = song, staging, title, subtitle, progress
        self.seconds = {"audio": 0.0, "video": 0.0}

    def run(self, names: Sequence[str]) -> None:
        """Write every format: the sound first, then the files in parallel, the slowest first."""
        with_sound = [name for name in names if name in _NEEDS_SOUND]
        tasks: dict[str, Callable[[], None]] = {
            name: getattr(self, f"_{name}") for name in names if name not in with_sound
        }
        if with_sound:
            audio = self._timed("sound", self._sound)
            tasks |= {name: partial(getattr(self, f"_{name}"), audio) for name in with_sound}
        with ThreadPoolExecutor(2, "render") as pool:
            order = sorted(tasks, key=_WEIGHTS.__getitem__, reverse=True)
            for future in [pool.submit(self._timed, name, tasks[name]) for name in order]:
                future.result()

    def _timed(self, step: str, work: Callable[[], T]) -> T:
        begin = perf_counter()
        result = work()
        self.progress.of(step)(1.0)
        self.seconds["video" if step in ("png", "mp4") else "audio"] += perf_counter() - begin
        return result

    def _sound(self) -> Audio:
        from composer.audio.mix import mix

        _release_free_memory()  # what loading the network needed
        audio = mix(self.song, self.progress.of("sound"))
        _release_free_memory()
        return audio

    def _mid(self) -> None:
        from midi_data.io.midi_writer import write_midi

        write_midi(self.song, self.staging / "mid")

    def _png(self) -> None:
        from composer.video.still import write_png

        write_png(self.song, self.staging / "png", title=self.title, subtitle=self.subtitle)

    def _wav(self, audio: Audio) -> None:
        from composer.audio.encode import write_wav

        write_wav(audio, self.staging / "wav")

    def _mp3(self, audio: Audio) -> None:
        from composer.audio.encode import write_mp3

        write_mp3(audio, self.staging / "mp3", title=self.title, artist=ARTIST, progress=self.progress.of("mp3"))

    def _ogg(self, audio: Audio) -> None:
        from composer.audio.encode import write_ogg

        write_ogg(audio, self.staging / "ogg", title=self.title, artist=ARTIST, progress=self.progress.of("ogg"))

    def _mp4(self, audio: Audio) -> None:
        from composer.video.encode import write_video

        write_video(
            self.song,
            audio,
            self.staging / "mp4",
            title=self.title,
            subtitle=self.subtitle,
            progress=self.progress.of("mp4"),
        )
