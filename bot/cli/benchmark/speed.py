"""``riffbird benchmark speed``: what a request costs on this machine, and composing beside other networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.console import print_json, print_result, print_status, print_table, progress_bar

if TYPE_CHECKING:
    from rich.progress import Progress

    from training.speed.benchmark import OnStage

COMMAND_MODULE = "bot.cli.main"


def speed(
    checkpoint: Annotated[Path | None, typer.Option(help="The network to measure (default: the shipped one).")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One short run of everything: to see that it works.")] = False,
    runs: Annotated[int, typer.Option(min=1, max=20, help="Runs of each figure; its median is shown.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Speed of requests, processes and composing, beside other networks. Leave the machine alone meanwhile."""
    from training.speed.benchmark import SpeedRequest, run_speed

    with progress_bar() as bar:
        report = run_speed(SpeedRequest(COMMAND_MODULE, checkpoint, quick, runs), _shown(bar))
    if as_json:
        print_json(report)
    else:
        show(report)


def _shown(bar: Progress | None) -> OnStage:
    """What shows the stage that begins: the bar, or a line each."""
    if bar is None:
        return lambda stage, _share: print_status(f"measuring: {stage}")
    task = bar.add_task("measuring", total=1.0, note="")

    def move(stage: str, share: float) -> None:
        bar.update(task, description=stage, completed=share)

    return move


def show(report: dict[str, Any]) -> None:
    """The report as tables."""
    machine = report["machine"]
    print_result(
        f"{machine['cpu']}, {machine['cores']} cores, load {machine['load_before']}; checkpoint {report['checkpoint']}"
    )
    rows = [
        (
            each["label"], _number(each["value"]), each["unit"], _span(each), _number(each["cpu"]),
            each["target"] or "", _met(each["met"]),
        )
        for each in report["figures"].values()
    ]  # fmt: skip
    print_table(("figure", "median", "", "lowest..highest", "by cpu time", "should be", ""), rows)
    for each in report["figures"].values():
        if each["value"] is None:
            print_result(f"{each['label']}: {each['note']}")
    print_result(f"\n{report['seconds']:.0f} s of measuring")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def _span(figure: dict[str, Any]) -> str:
    if figure["low"] is None or figure["runs"] < 2:
        return ""
    return f"{_number(figure['low'])}..{_number(figure['high'])}"


def _met(met: bool | None) -> str:
    return "" if met is None else "met" if met else "missed"
