"""From a song to its files: the one door to sound, picture and video.

Knows which format needs what, and that a file is either whole or not there. Deliberately does not know how sound is
mixed or pictures are drawn: those modules, and their heavy libraries, are imported when a format asks for them.
"""

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
    from composer.audio.encode import Audio

Progress = Callable[[float], None] | None
"""Called with the finished fraction of the rendering, 0–1 and never falling; ``None`` where nobody watches."""

T = TypeVar("T")

ARTIST = "Riffbird"
_WEIGHTS: dict[str, float] = {"mid": 0.1, "sound": 3.0, "wav": 0.1, "mp3": 1.0, "ogg": 0.6, "png": 0.5, "mp4": 6.0}
"""About how long each piece of work takes, against each other."""
_NEEDS_SOUND = ("wav", "mp3", "ogg", "mp4")


@dataclass(frozen=True, slots=True)
class RenderedFiles:
    """What was written: format → path; and the seconds that sound, picture and video took to make (not to play)."""

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
    """Write ``song`` to ``folder/stem.<format>`` for each of ``formats``; work nobody asked for is not done.

    ``title`` (the song's own where empty) and ``subtitle`` are shown in picture, video and tags. All files appear at
    the end, or none. Raises `RefusedError` for a folder that cannot be written to, or a soundfont that is not there.
    """
    wanted = list(dict.fromkeys(formats))
    with _workshop(folder, stem) as workshop:
        job = _Job(song, workshop, title or song.title, subtitle, _Meter(progress, _steps(wanted)))
        job.run(wanted)
        for name in wanted:
            (workshop / name).replace(folder / f"{stem}.{name}")
    files: dict[str, Path] = {name: folder / f"{stem}.{name}" for name in wanted}
    return RenderedFiles(files, job.seconds["audio"], job.seconds["video"])


@contextmanager
def _workshop(folder: Path, stem: str) -> Iterator[Path]:
    """A hidden folder inside ``folder``, so that finished files are moved by a rename; gone afterwards in any case."""
    if not stem or Path(stem).name != stem:
        raise RefusedError(f"a file name is one plain word, not {stem!r}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        workshop = tempfile.TemporaryDirectory(prefix=".riffbird-", dir=folder)
    except OSError as error:
        raise RefusedError(f"cannot write to the folder {folder}: {error.strerror}") from error
    with workshop as name:
        yield Path(name)


def _steps(wanted: Sequence[str]) -> list[str]:
    return [*wanted, "sound"] if any(name in _NEEDS_SOUND for name in wanted) else list(wanted)


class _Meter:
    """Adds the fractions of several pieces of work, some of them running side by side, into one."""

    def __init__(self, tell: Progress, steps: Sequence[str]) -> None:
        self._tell, self._lock, self._shown = tell, Lock(), 0.0
        self._total = sum(_WEIGHTS[step] for step in steps)
        self._done = dict.fromkeys(steps, 0.0)

    def of(self, step: str) -> Callable[[float], None]:
        """A callback for one step's own fraction."""

        def told(fraction: float) -> None:
            with self._lock:
                self._done[step] = min(max(fraction, self._done[step]), 1.0)
                whole = sum(_WEIGHTS[name] * done for name, done in self._done.items()) / self._total
                self._shown = max(self._shown, min(whole, 1.0))
                if self._tell is not None:
                    self._tell(self._shown)

        return told


def _give_back() -> None:
    """Let the system have the memory that was freed: glibc keeps it, 80 MB of it after a mix."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


class _Job:
    """One rendering under way: files are written into ``workshop``, named by their format alone."""

    def __init__(self, song: Song, workshop: Path, title: str, subtitle: str, meter: _Meter) -> None:
        self.song, self.workshop, self.title, self.subtitle, self.meter = song, workshop, title, subtitle, meter
        self.seconds = {"audio": 0.0, "video": 0.0}

    def run(self, wanted: Sequence[str]) -> None:
        """Make every format: sound first, then what is left side by side, the longest first."""
        sounding = [name for name in wanted if name in _NEEDS_SOUND]
        tasks: dict[str, Callable[[], None]] = {
            name: getattr(self, f"_{name}") for name in wanted if name not in sounding
        }
        if sounding:
            audio = self._timed("sound", self._sound)
            tasks |= {name: partial(getattr(self, f"_{name}"), audio) for name in sounding}
        with ThreadPoolExecutor(2, "render") as pool:
            order = sorted(tasks, key=_WEIGHTS.__getitem__, reverse=True)
            for future in [pool.submit(self._timed, name, tasks[name]) for name in order]:
                future.result()

    def _timed(self, step: str, work: Callable[[], T]) -> T:
        begin = perf_counter()
        result = work()
        self.meter.of(step)(1.0)
        self.seconds["video" if step in ("png", "mp4") else "audio"] += perf_counter() - begin
        return result

    def _sound(self) -> Audio:
        from composer.audio.mix import mix

        _give_back()  # what loading the network took for a moment
        sound = mix(self.song, self.meter.of("sound"))
        _give_back()
        return sound

    def _mid(self) -> None:
        from midi_data.io.midi_file import write_midi

        write_midi(self.song, self.workshop / "mid")

    def _png(self) -> None:
        from composer.video.still import write_picture

        write_picture(self.song, self.workshop / "png", title=self.title, subtitle=self.subtitle)

    def _wav(self, audio: Audio) -> None:
        from composer.audio.encode import write_wav

        write_wav(audio, self.workshop / "wav")

    def _mp3(self, audio: Audio) -> None:
        from composer.audio.encode import write_mp3

        write_mp3(audio, self.workshop / "mp3", title=self.title, artist=ARTIST, progress=self.meter.of("mp3"))

    def _ogg(self, audio: Audio) -> None:
        from composer.audio.encode import write_ogg

        write_ogg(audio, self.workshop / "ogg", title=self.title, artist=ARTIST, progress=self.meter.of("ogg"))

    def _mp4(self, audio: Audio) -> None:
        from composer.video.encode import write_video

        write_video(
            self.song,
            audio,
            self.workshop / "mp4",
            title=self.title,
            subtitle=self.subtitle,
            progress=self.meter.of("mp4"),
        )
