"""The speed benchmark: all figures in one run, in stages."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from composer.model.checkpoint import load_checkpoint
from training.speed import composing, machine, processes, rendering
from training.speed.figures import Figure, by_name, not_measured, ratio
from training.speed.songs import house_genre

OnStage = Callable[[str, float], None]
"""Called with the name of the next stage and the share of stages done."""
QUICK = composing.Scope(10.0, 10.0, 1, (1, 2))
"""For tests: its figures mean little."""


@dataclass(frozen=True, slots=True)
class SpeedRequest:
    """Options of ``riffbird benchmark speed``. ``module``: the command, for ``python -m``."""

    module: str
    checkpoint: Path | None = None
    quick: bool = False
    runs: int = 5


def run_speed(request: SpeedRequest, on_stage: OnStage) -> dict[str, Any]:
    """Every figure, JSON-ready. Raises ``CheckpointError`` for a bad checkpoint."""
    since, work = time.perf_counter(), _Run(request)
    stages = work.stages()
    report: dict[str, Any] = {
        "benchmark": "speed",
        "checkpoint": work.checkpoint.label,
        "quick": request.quick,
        "machine": machine.describe(),
    }
    for number, (name, stage) in enumerate(stages.items()):
        on_stage(name, number / len(stages))
        for figure in stage():
            work.figures[figure.name] = figure
    report["figures"] = dict(by_name(list(work.figures.values())))
    return report | {"seconds": round(time.perf_counter() - since, 1)}


class _Run:
    """State of a run: figures by name."""

    def __init__(self, request: SpeedRequest) -> None:
        self.request = request
        self.scope = QUICK if request.quick else replace(composing.Scope(), runs=request.runs)
        self.checkpoint = load_checkpoint(request.checkpoint)
        self.figures: dict[str, Figure] = {}

    def stages(self) -> dict[str, Callable[[], list[Figure]]]:
        """The stages in order: what a user waits for, what the band costs, other networks."""
        return {
            "requests": self._requests,
            "processes": self._processes,
            "songs side by side": lambda: composing.composing_figures(self.checkpoint, self.scope),
            "other networks": self._others,
        }

    def _requests(self) -> list[Figure]:
        genre, scope = house_genre(self.checkpoint), self.scope
        return rendering.request_figures(genre, scope.song_seconds, self.request.checkpoint, scope.runs)

    def _processes(self) -> list[Figure]:
        genre, scope, request = house_genre(self.checkpoint), self.scope, self.request
        return processes.process_figures(request.module, genre, scope.song_seconds, request.checkpoint, scope.runs)

    def _others(self) -> list[Figure]:
        notes = self.figures[f"{composing.fastest_on_a_cpu()}_1"]
        eager, transformer = self._with_torch(), self._transformer()
        return [
            *eager,
            transformer,
            ratio("note_against_eager", "one song against nn.LSTM as it comes", notes, eager[0]),
            ratio("note_against_transformer", "one song against the transformer", notes, transformer),
        ]

    def _with_torch(self) -> list[Figure]:
        if find_spec("torch") is None:
            labels = {"eager": "nn.LSTM step by step", "eager_one_thread": "nn.LSTM step by step, 1 thread"}
            return [not_measured(name, label, "notes/s", "no torch here") for name, label in labels.items()]
        from training.speed.stepper import eager_figures

        return eager_figures(self.checkpoint, self.scope.runs, **({"steps": 5} if self.request.quick else {}))

    def _transformer(self) -> Figure:
        missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
        if missing:
            reason = f"no {' and no '.join(missing)} here (pip install 'riffbird[train,benchmark]')"
            return not_measured("transformer", "a transformer of MMT's shape", "notes/s", reason)
        from training.speed.transformer import transformer_figure

        return transformer_figure(self.scope.runs, **({"steps": 2} if self.request.quick else {}))
