"""Seconds of a request in a warm process, and what that makes a minute."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from composer.pipeline import compose
from composer.request import ComposeRequest
from training.speed.figures import Figure, cost, times
from training.speed.songs import TEMPO_BPM

if TYPE_CHECKING:
    from composer.request import Format


def request_figures(genre: str, length: float, checkpoint: Path | None, runs: int) -> list[Figure]:
    """A warm request to MP3 and MP4, and to MP3 alone: seconds, and songs a minute of one worker."""
    video = _request_figure("warm_request", "request to MP3 and MP4", ["mp3", "mp4"], genre, length, checkpoint, runs)
    audio = _request_figure("warm_audio", "request to MP3", ["mp3"], genre, length, checkpoint, runs)
    return [video, audio, _a_minute(video, "with video"), _a_minute(audio, "without video")]


def _request_figure(
    name: str, label: str, formats: list[Format], genre: str, length: float, checkpoint: Path | None, runs: int
) -> Figure:
    with tempfile.TemporaryDirectory(prefix="riffbird-speed-") as folder:
        seeds = iter(range(1, runs + 2))

        def ask() -> None:
            request = ComposeRequest(
                genres={genre: 1.0}, tempo_bpm=TEMPO_BPM, length_seconds=length, seed=next(seeds), title="Speed"
            )
            compose(request, Path(folder), formats, checkpoint=checkpoint)

        seconds = times(ask, runs)
    return cost(name, f"{label}, {length:g} s of music, warm", "s", seconds, note="seeds 2 and on")


def _a_minute(figure: Figure, label: str) -> Figure:
    """Songs a minute of a worker that makes one after the other."""
    values = {name: 60 / seconds for name in ("value", "low", "high", "cpu") if (seconds := getattr(figure, name))}
    values["low"], values["high"] = values["high"], values["low"]
    name = f"minute_{figure.name}"
    return replace(figure, name=name, label=f"songs a minute a worker, {label}", unit="songs/min", **values)
