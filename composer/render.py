"""Renders a song to its files. Sound and picture libraries are imported only if a format needs them."""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from composer.audio.tags import NO_TAGS, Tags
from composer.errors import RefusedError
from composer.request import Format
from midi_data.song import Song

if TYPE_CHECKING:
    from PIL.Image import Image

    from composer.audio.signal import Audio

Progress = Callable[[float], None] | None
"""Callback that receives the finished fraction of the rendering, 0–1, never falling; ``None`` reports nothing."""

T = TypeVar("T")

_WEIGHTS: dict[str, float] = {
    "mid": 0.1, "sound": 3.0, "stems": 4.0, "picture": 0.4, "wav": 0.1, "mp3": 1.0, "ogg": 0.6, "png": 0.2, "mp4": 6.0,
    "musicxml": 2.0,
}  # fmt: skip
"""Typical duration of each step, relative to the others."""
_NEEDS_SOUND = frozenset({"wav", "mp3", "ogg", "mp4"})
_NEEDS_PICTURE = frozenset({"png", "mp3", "ogg", "mp4"})
_VIDEO_STEPS = frozenset({"picture", "png", "mp4"})
_M_MMAP_THRESHOLD, _LARGE_BYTES = -3, 16_000_000
"""Parameter of glibc's mallopt(3); 42 s of stereo sound."""
_ENDINGS = {"stems": "stems.zip"}
"""File name endings that differ from the format's name."""


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
    tags: Tags = NO_TAGS,
    subtitle: str = "",
    genres: Mapping[str, float] | None = None,
    progress: Progress = None,
) -> RenderedFiles:
    """Write ``song`` to ``folder/stem.<format>`` for each of ``formats``: all files appear at the end, or none.

    ``tags``: what the files say about the song; their title defaults to the song's own. ``subtitle``: second line of
    the pictures. ``genres``: genre → weight, selects the mix. Raises `RefusedError` for a folder that cannot be written
    to, or a soundfont that does not exist.
    """
    names = list(dict.fromkeys(formats))
    tags = replace(tags, title=tags.title or song.title)
    with _staging_folder(folder, stem) as staging:
        job = _Rendering(song, staging, tags, subtitle, genres or {}, _TotalProgress(progress, _steps(names)))
        job.run(names)
        files: dict[str, Path] = {name: folder / f"{stem}.{_ENDINGS.get(name, name)}" for name in names}
        for name, path in files.items():
            (staging / name).replace(path)
    return RenderedFiles(files, job.seconds["audio"], job.seconds["video"])


@dataclass(frozen=True, slots=True)
class Picture:
    """The still picture of a song, and its ``cover``: the same as a JPEG file, for tags."""

    image: Image
    cover: bytes


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
    sound = ["sound"] if _NEEDS_SOUND.intersection(names) else []
    return [*names, *sound, *(["picture"] if _NEEDS_PICTURE.intersection(names) else [])]


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


def _map_large_arrays() -> None:
    """Make glibc return arrays above ``_LARGE_BYTES`` to the system when they are freed.

    Its heaps, one a thread, keep 50 MB of them while a video is drawn beside the mix.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def _release_free_memory() -> None:
    """Return freed memory to the system: glibc keeps 80 MB of it after a mix."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


class _Rendering:
    """One rendering. Files are written into ``staging``, named by their format."""

    def __init__(
        self,
        song: Song,
        staging: Path,
        tags: Tags,
        subtitle: str,
        genres: Mapping[str, float],
        progress: _TotalProgress,
    ) -> None:
        self.song, self.staging, self.subtitle, self.progress = song, staging, subtitle, progress
        self.genres, self.tags = genres, tags
        self.seconds = {"audio": 0.0, "video": 0.0}

    def run(self, names: Sequence[str]) -> None:
        """Write every format in threads, the slowest first. The video is drawn while the sound is mixed."""
        with ThreadPoolExecutor(3, "render") as pool:
            # Both begin before all that waits for them, so waiting never takes the last thread.
            drawn = pool.submit(self._timed, "picture", self._picture) if _NEEDS_PICTURE.intersection(names) else None
            # A video takes the second core and the memory of a second part.
            mixing = partial(self._sound, 1 if "mp4" in names else 2)
            mixed = pool.submit(self._timed, "sound", mixing) if _NEEDS_SOUND.intersection(names) else None
            order = sorted(names, key=_WEIGHTS.__getitem__, reverse=True)
            for future in [pool.submit(self._write, name, drawn, mixed) for name in order]:
                future.result()

    def _write(self, name: str, drawn: Future[Picture] | None, mixed: Future[Audio] | None) -> None:
        """Write one format as soon as the picture and the sound that it needs are there."""
        picture: Any = drawn.result() if drawn and name in _NEEDS_PICTURE else None
        audio: Any = mixed.result() if mixed and name in _NEEDS_SOUND - {"mp4"} else None
        tags = replace(self.tags, cover=picture.cover) if picture else self.tags
        tasks: dict[str, Callable[[], None]] = {
            "mid": self._mid,
            "png": partial(self._png, picture),
            "musicxml": self._musicxml,
            "stems": self._stems,
            "wav": partial(self._wav, audio),
            "mp3": partial(self._mp3, audio, tags),
            "ogg": partial(self._ogg, audio, tags),
            "mp4": partial(self._mp4, mixed, tags),
        }
        self._timed(name, tasks[name])

    def _timed(self, step: str, work: Callable[[], T]) -> T:
        begin = perf_counter()
        result = work()
        self.progress.of(step)(1.0)
        self.seconds["video" if step in _VIDEO_STEPS else "audio"] += perf_counter() - begin
        return result

    def _sound(self, at_once: int) -> Audio:
        from composer.audio.mix import mix

        _map_large_arrays()
        _release_free_memory()  # what loading the network needed
        audio = mix(self.song, self.progress.of("sound"), genres=self.genres, at_once=at_once)
        _release_free_memory()
        return audio

    def _picture(self) -> Picture:
        from composer.video.still import cover_jpeg, draw_song

        image = draw_song(self.song, self.tags.title, self.subtitle)
        return Picture(image, cover_jpeg(image))

    def _mid(self) -> None:
        from midi_data.io.midi_writer import write_midi

        write_midi(self.song, self.staging / "mid")

    def _musicxml(self) -> None:
        from midi_data.io.musicxml import write_musicxml

        write_musicxml(self.song, self.staging / "musicxml")

    def _png(self, picture: Picture) -> None:
        from composer.video.still import save_png

        save_png(picture.image, self.staging / "png")

    def _stems(self) -> None:
        from composer.audio.stems import write_stems

        write_stems(self.song, self.staging / "stems", genres=self.genres, progress=self.progress.of("stems"))

    def _wav(self, audio: Audio) -> None:
        from composer.audio.encode import write_wav

        write_wav(audio, self.staging / "wav")

    def _mp3(self, audio: Audio, tags: Tags) -> None:
        from composer.audio.encode import write_mp3

        write_mp3(audio, self.staging / "mp3", tags, self.progress.of("mp3"))

    def _ogg(self, audio: Audio, tags: Tags) -> None:
        from composer.audio.encode import write_ogg

        write_ogg(audio, self.staging / "ogg", tags, self.progress.of("ogg"))

    def _mp4(self, mixed: Any, tags: Tags) -> None:
        from composer.video.encode import write_video

        path, progress = self.staging / "mp4", self.progress.of("mp4")
        write_video(self.song, mixed.result, path, tags, subtitle=self.subtitle, progress=progress)
