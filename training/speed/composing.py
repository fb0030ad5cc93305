"""Notes a second of composing, by backend and number of songs side by side. No torch is needed for numpy.

Everything goes through ``composer.decoding.generate.Composer``, as in the product.
"""

from __future__ import annotations

from dataclasses import dataclass

from composer.decoding.generate import Composer
from composer.errors import RefusedError
from composer.model.arithmetic.backends import Backend, open_backend
from composer.model.checkpoint import Checkpoint
from midi_data.song import Song
from training.speed.figures import Figure, not_measured, rate, times
from training.speed.songs import plans

BACKENDS = ("onnxruntime", "numpy", "torch", "cuda")
"""``cuda``: torch on a GPU; the others on the CPU."""


@dataclass(frozen=True, slots=True)
class Scope:
    """``song_seconds`` of a requested song, ``batch_seconds`` of each song of a batch, ``runs``, ``batches``."""

    song_seconds: float = 45.0
    batch_seconds: float = 10.0
    runs: int = 5
    batches: tuple[int, ...] = (1, 16, 64)


def composing_figures(checkpoint: Checkpoint, scope: Scope) -> list[Figure]:
    """Notes a second by each backend that is installed, for each number of songs side by side."""
    return [figure for name in BACKENDS for figure in _backend_figures(checkpoint, name, scope)]


def fastest_on_a_cpu() -> str:
    """The backend that composes where none is named."""
    return open_backend("auto", "cpu").name


def _backend_figures(checkpoint: Checkpoint, name: str, scope: Scope) -> list[Figure]:
    labels = {batch: f"{name}, {batch} song{'s side by side' if batch > 1 else ''}" for batch in scope.batches}
    backend = _opened(name)
    if backend is None:
        reason = f"no {name} here"
        return [not_measured(f"{name}_{batch}", label, "notes/s", reason) for batch, label in labels.items()]
    composer = Composer(checkpoint, backend=backend)
    return [_batch_figure(composer, f"{name}_{batch}", label, batch, scope) for batch, label in labels.items()]


def _opened(name: str) -> Backend | None:
    """The backend of a figure; ``None`` where it is not to be had."""
    try:
        return open_backend("torch", "cuda") if name == "cuda" else open_backend(name, "cpu")  # type: ignore[arg-type]
    except RefusedError:
        return None


def _batch_figure(composer: Composer, name: str, label: str, batch: int, scope: Scope) -> Figure:
    """Songs of ``batch_seconds`` for small batches; of one song as long as a request's."""
    seconds = scope.song_seconds if batch == 1 else scope.batch_seconds
    wanted = plans(composer.checkpoint, seconds, batch)
    songs: list[Song] = []
    composer.compose(wanted[:1])  # warms up
    runs = times(lambda: songs.extend(composer.compose(wanted, batch_size=batch)), scope.runs, warm_up=0)
    notes = sum(song.note_count for song in songs) / scope.runs
    return rate(name, label, "notes/s", notes, runs, f"{seconds:g} s each, rules and sampling included")
