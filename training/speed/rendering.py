"""Speed of rendering a song to sound and video, and of a request in a warm process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from composer.audio.encode import write_mp3
from composer.audio.mix import mix
from composer.audio.sampler.voice_cache import VOICE_CACHE
from composer.audio.signal import Audio
from composer.pipeline import compose
from composer.request import ComposeRequest
from composer.video.encode import write_video
from midi_data.song import Song
from training.speed.figures import Figure, cost, rate, times
from training.speed.songs import TEMPO_BPM

PLAYED = "seconds of music for each second of work"


def rendering_figures(song: Song, runs: int) -> list[Figure]:
    """Sound, MP3 and video of ``song``, in multiples of real time."""
    seconds = song.duration_seconds
    sound = mix(song)
    with tempfile.TemporaryDirectory(prefix="riffbird-speed-") as name:
        folder = Path(name)
        jobs: dict[str, tuple[str, Callable[[], object]]] = {
            "mix": ("synthesis, mix and master", partial(mix_afresh, song)),
            "mp3": ("MP3", lambda: write_mp3(sound, folder / "song.mp3")),
            "video": ("video, 1280×720", lambda: write_video(song, sound, folder / "song.mp4")),
        }
        return [
            rate(name, label, "x real time", seconds, times(work, runs, warm_up=int(name == "mix")), PLAYED)
            for name, (label, work) in jobs.items()
        ]


def mix_afresh(song: Song) -> Audio:
    """The sound of ``song`` with an empty voice cache."""
    VOICE_CACHE.clear()
    return mix(song)


def warm_figure(genre: str, length: float, checkpoint: Path | None, runs: int) -> Figure:
    """Seconds from a request to its MP3 and MP4 with the network loaded; another seed each run."""
    with tempfile.TemporaryDirectory(prefix="riffbird-speed-") as folder:
        seeds = iter(range(1, runs + 2))

        def ask() -> None:
            request = ComposeRequest(
                genres={genre: 1.0}, tempo_bpm=TEMPO_BPM, length_seconds=length, seed=next(seeds), title="Speed"
            )
            compose(request, Path(folder), ["mp3", "mp4"], checkpoint=checkpoint)

        seconds = times(ask, runs)
    return cost("warm_request", f"request to MP3 and MP4, {length:g} s, warm", "s", seconds, note="seeds 2 and on")


def sound_growth(songs: list[tuple[float, Song]], runs: int) -> list[dict[str, Any]]:
    """Seconds of synthesis and mix of each song, by its length ``at``."""
    points = []
    for at, song in songs:
        figure = cost("mix", "", "s", times(lambda song=song: mix_afresh(song), runs))  # type: ignore[misc]
        points.append({"at": at, "parts": len(song.tracks), "seconds": figure.value, "seconds_cpu": figure.cpu})
    return points
