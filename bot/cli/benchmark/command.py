"""``riffbird benchmark``: the network family against published figures (needs the ``train`` extra), and speed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from bot.cli.benchmark.speed import speed
from bot.cli.console import print_json, print_status, print_table, progress_bar
from bot.cli.errors import CommandRefusedError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from training.devices import DeviceName
    from training.trainer import Report

app = typer.Typer(
    help="Measure the band: on public benchmarks, and its speed.", no_args_is_help=True, rich_markup_mode=None
)
app.command()(speed)

DEVICES = ("auto", "cpu", "cuda")


@app.callback()
def benchmark() -> None:
    """Measure the band: on public benchmarks, and its speed."""


@app.command()
def pianoroll(
    data: Annotated[Path, typer.Option(help="A piano-roll set: JSON with train, valid and perhaps test.")],
    checkpoint: Annotated[
        Path | None, typer.Option(help="The network to score (default: the shipped one made for this set).")
    ] = None,
    train: Annotated[bool, typer.Option("--train", help="Train anew on train, choose on valid, then score.")] = False,
    minutes: Annotated[float | None, typer.Option(help="Train this long; the schedule fits itself to it.")] = None,
    updates: Annotated[int | None, typer.Option(help="Train this many updates instead of the recipe's.")] = None,
    recipe: Annotated[Path | None, typer.Option(help="A recipe file (default: the set's).")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The checkpoint to write (default: data/checkpoints/NAME.safetensors).")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the training instead of the recipe's.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on where this training was broken off.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Exact joint nats a frame on a classic piano-roll set; the first frame of a piece is not scored."""
    _check(data, checkpoint, minutes, device, training=train or resume)
    from training.pianoroll.benchmark import RollRequest, run_benchmark

    request = RollRequest(
        data=data,
        checkpoint=checkpoint,
        train=train or resume,
        minutes=minutes,
        updates=updates,
        recipe=recipe,
        out=out,
        seed=seed,
        device=cast("DeviceName", device),
        resume=resume,
    )
    with progress_bar() as bar:
        result = run_benchmark(request, Display(bar))
    _show(result, as_json=as_json)


def _check(data: Path, checkpoint: Path | None, minutes: float | None, device: str, *, training: bool) -> None:
    if find_spec("torch") is None:
        raise CommandRefusedError("the benchmark needs torch: pip install 'riffbird[train]'")
    if not data.is_file():
        raise CommandRefusedError(f"--data is a file, not {str(data)!r}")
    if device not in DEVICES:
        raise CommandRefusedError(f"--device is one of {', '.join(DEVICES)}, not {device!r}")
    if minutes is not None and minutes <= 0:
        raise CommandRefusedError(f"--minutes is above 0, not {minutes}")
    if minutes is not None and not training:
        raise CommandRefusedError("--minutes is for --train")
    if checkpoint and training:
        raise CommandRefusedError("--train makes a checkpoint, --checkpoint scores one: give one of them")


def _show(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    print_status(f"{result['name']}: {result['checkpoint']}")
    rows = [
        (part, result[f"{part}_nll"], *result[f"{part}_interval"], result[f"{part}_frames"], result[f"{part}_pieces"])
        for part in ("valid", "test")
        if f"{part}_nll" in result
    ]
    print_table(("part", "nats a frame", "from", "to (95 %)", "frames", "pieces"), rows)


class Display:
    """How training and scoring look in the terminal."""

    def __init__(self, bar: Progress | None) -> None:
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}

    def note(self, text: str) -> None:
        """A line about what is being done."""
        print_status(text)

    def __call__(self, report: Report) -> None:
        """Move the bar; at a fresh validation print its figure."""
        self._move(
            "training", report.update, report.updates,
            f"{report.nll:.3f} nats a frame · {report.throughput:,.0f} frames/s · best {report.best:.3f}",
        )  # fmt: skip
        if report.validated_at == report.update:
            print_status(
                f"update {report.update}/{report.updates}: train {report.nll:.3f}, "
                f"valid {report.valid['valid']['nll']:.3f} "
                f"({report.throughput:,.0f} frames/s, {report.seconds_left / 60:.0f} min left)"
            )

    def scored(self, part: str, done: int, pieces: int) -> None:
        """Move the part's bar."""
        self._move(f"scoring {part}", done, pieces, f"{done} of {pieces} pieces")

    def _move(self, name: str, done: int, total: int, note: str) -> None:
        if self._bar is None:
            return
        if name not in self._tasks:
            self._tasks[name] = self._bar.add_task(name, total=total, note="")
        self._bar.update(self._tasks[name], completed=done, total=total, note=note)
