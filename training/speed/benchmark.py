"""The speed benchmark: all figures in one run, in stages."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from composer.decoding.generate import Composer
from composer.model.checkpoint import load_checkpoint
from training.speed import composing, machine, processes, rendering
from training.speed.figures import Figure, by_name, not_measured, ratio
from training.speed.songs import house_genre, plans

OnStage = Callable[[str, float], None]
"""Called with the name of the next stage and the share of stages done."""


@dataclass(frozen=True, slots=True)
class SpeedRequest:
    """Options of ``riffbird benchmark speed``. ``module``: the command, for ``python -m``."""

    module: str
    checkpoint: Path | None = None
    quick: bool = False


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
        stage()
    report["figures"] = dict(by_name(list(work.figures.values())))
    report["growth"] = work.growth
    return report | {"seconds": round(time.perf_counter() - since, 1)}


class _Run:
    """State of a run: figures by name."""

    def __init__(self, request: SpeedRequest) -> None:
        self.request = request
        self.scope = composing.QUICK if request.quick else composing.Scope()
        self.checkpoint = load_checkpoint(request.checkpoint)
        self.composer = Composer(self.checkpoint)
        self.figures: dict[str, Figure] = {}
        self.growth: dict[str, Any] = {}

    def stages(self) -> dict[str, Callable[[], None]]:
        """The stages in order; those most sensitive to other load come first."""
        return {
            "memory": self._memory,
            "one song": self._song,
            "songs side by side": self._batches,
            "other networks": self._others,
            "growth": self._growth,
            "sound and picture": self._rendering,
            "processes": self._processes,
        }

    def _keep(self, *figures: Figure) -> None:
        self.figures |= {figure.name: figure for figure in figures}

    def _memory(self) -> None:
        self._keep(machine.reading(self.scope.runs))

    def _song(self) -> None:
        figures, self.song = composing.song_figures(self.composer, self.scope)
        self._keep(*figures)

    def _batches(self) -> None:
        self._keep(*composing.batch_figures(self.composer, self.scope))

    def _others(self) -> None:
        self._keep(*self._with_torch(), self._transformer())
        notes, best = self.figures["notes"], self.figures["eager"]
        if (self.figures["eager_one_thread"].value or 0) > (best.value or 0):
            best = self.figures["eager_one_thread"]
        self._keep(
            ratio("note_against_eager", "against nn.LSTM as it comes", notes, self.figures["eager"]),
            ratio("note_against_best_eager", "against nn.LSTM, the better of the two", notes, best),
            ratio("note_against_transformer", "against the transformer", notes, self.figures["transformer"]),
        )

    def _with_torch(self) -> list[Figure]:
        if find_spec("torch") is None:
            labels = {"eager": "nn.LSTM step by step", "eager_one_thread": "nn.LSTM step by step, 1 thread"}
            labels["accelerator"] = "1,024 songs side by side on an accelerator"
            return [not_measured(name, label, "notes/s", "no torch here") for name, label in labels.items()]
        from training.speed.stepper import accelerator_figure, eager_figures

        steps = {"steps": 5} if self.request.quick else {}
        figures = eager_figures(self.checkpoint, self.scope.runs, **steps)
        return [*figures, accelerator_figure(self.checkpoint, self.scope.runs)]

    def _transformer(self) -> Figure:
        missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
        if missing:
            reason = f"no {' and no '.join(missing)} here (pip install 'riffbird[train,benchmark]')"
            return not_measured("transformer", "a transformer of MMT's shape", "notes/s", reason)
        from training.speed.transformer import transformer_figure

        return transformer_figure(self.scope.runs, **({"steps": 2} if self.request.quick else {}))

    def _growth(self) -> None:
        self.growth = composing.growth(self.checkpoint, self.composer, self.scope)

    def _rendering(self) -> None:
        runs = self.scope.runs
        self._keep(*rendering.rendering_figures(self.song, runs))
        lengths = [(each, self.composer.compose(plans(self.checkpoint, each))[0]) for each in self.scope.lengths[:2]]
        self.growth["sound_by_length_seconds"] = rendering.sound_growth(lengths, max(1, runs - 2))

    def _processes(self) -> None:
        genre = house_genre(self.checkpoint)
        request, scope = self.request, self.scope
        self._keep(rendering.warm_figure(genre, scope.song_seconds, request.checkpoint, scope.runs))
        figures = processes.process_figures(request.module, genre, scope.song_seconds, request.checkpoint, scope.runs)
        self._keep(*figures)
