"""``riffbird evaluate``: real held-out pieces of a genre beside songs of a checkpoint. Needs the ``evaluate`` extra."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from bot.cli.console import print_json, print_result, print_status, print_table, progress_bar
from bot.cli.errors import CommandRefusedError

if TYPE_CHECKING:
    from rich.progress import Progress

    from composer.request import Sampling

SAMPLINGS = ("probability", "embedding")
NEEDED = ("torch", "sklearn", "matplotlib")


def evaluate(
    corpus: Annotated[
        Path, typer.Option(help="A prepared corpus, or a folder or archive of MIDI files (prepared in passing).")
    ],
    genre: Annotated[str, typer.Option(help="The genre to compose and to compare with.")],
    songs: Annotated[
        int | None,
        typer.Option(min=2, help="How many songs to compose (default: 40, or half the real works if that is more)."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the first song, and of every split.")] = 0,
    randomness: Annotated[float, typer.Option(min=0, max=1, help="0 careful, 1 wild.")] = 0.5,
    sampling: Annotated[str, typer.Option(help="probability or embedding.")] = "probability",
    checkpoint: Annotated[Path | None, typer.Option(help="The network to judge (default: the shipped one).")] = None,
    out: Annotated[Path | None, typer.Option(help="Write a page of plots (index.html) into this folder.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of the table.")] = False,
) -> None:
    """Judge a checkpoint: musical statistics, structure, copies, discriminators, control, likelihood."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise CommandRefusedError(f"evaluating needs {', '.join(missing)}: pip install 'riffbird[train,evaluate]'")
    from bot.cli.score import canonical_genre
    from composer.model.checkpoint import load_checkpoint
    from training.evaluation.evaluate import EvaluationRequest
    from training.evaluation.evaluate import evaluate as run
    from training.evaluation.report.page import write_page

    judged = load_checkpoint(checkpoint)
    if sampling not in SAMPLINGS:
        raise CommandRefusedError(f"--sampling is one of {', '.join(SAMPLINGS)}, not {sampling!r}")
    name = canonical_genre(genre, judged.header.genres)
    order = EvaluationRequest(corpus, name, songs, seed, randomness, cast("Sampling", sampling))
    with progress_bar() as bar:
        found = run(order, judged, print_status, _shown(bar))
    if as_json:
        print_json(found.report)
    else:
        show(found.report)
    if out:
        print_status(f"plots: {write_page(found, judged, out)}")


def _shown(bar: Progress | None) -> Callable[[float], None] | None:
    """What moves ``bar`` to a share of the composing, if there is one."""
    if bar is None:
        return None
    task = bar.add_task("composing", total=1, note="")

    def move(share: float) -> None:
        bar.update(task, completed=share)

    return move


def _show_harmony(harmony: dict[str, Any]) -> None:
    print_result()
    print_table(
        ("harmony and ensemble", "real", "songs", "songs / real", "training pieces"),
        [(row["name"], *map(_cell, (row["real"], row["songs"], row["songs_to_real"], row["training"])))
         for row in harmony["figures"]],
    )  # fmt: skip
    found, of_training = harmony["discriminator"], harmony["discriminator_training_pieces"]
    other = f"; training pieces in the songs' place {of_training['accuracy']:.3f}" if of_training else ""
    print_result(
        f"\ndiscriminator on harmony and ensemble alone: {found['accuracy']:.3f} "
        f"({_span(found['accuracy_interval'])}){other}"
    )


def show(report: dict[str, Any]) -> None:
    """The report as tables."""
    real, songs = report["real"], report["songs"]
    how = f"randomness {report['randomness']}, seed {report['seed']}"
    print_result(f"{report['genre']}, checkpoint {report['checkpoint']}, {how}")
    print_result(f"{songs['compared']} songs beside {real['works']} held-out works, excerpts of {report['bars']} bars")
    print_result("intervals: 5-95 %; distances are medians over random splits of the works into halves\n")
    print_table(
        ("statistic", "real", "songs", "to songs", "real halves", "ratio", "interval"),
        [_statistic(row) for row in report["statistics"]],
    )
    near, reached = report["within_1.25"], report["training_pieces"]
    other = f" (training pieces in the songs' place: {reached['near_enough']})" if reached else ""
    print_result(
        f"\n{near['near_enough']} of {near['statistics']} statistics within 1.25 x real halves' distance{other}\n"
    )
    print_table(
        ("structure", "real", "songs", "ratio"),
        [(name, *map(_cell, (v["real"], v["songs"], v["ratio"]))) for name, v in report["structure"].items()],
    )
    print_result()
    print_table(("judgement", "real", "interval", "songs", "interval", "n real", "n songs"), list(_judgements(report)))
    opponents = report["discriminators"]
    print_result()
    print_table(
        ("discriminator", "right", "interval", "excerpts", "works"),
        [(n, _cell(v["accuracy"]), _span(v["accuracy_interval"]), v["excerpts"], v["works"])
         for n, v in ((name, opponents[name]) for name in ("trees", "network"))],
    )  # fmt: skip
    _show_harmony(report["harmony"])
    obeyed = report["obeyed"]
    print_result(
        f"\nasked tempo kept {obeyed['tempo']:.0%}, length within a bar {obeyed['length_within_a_bar']:.0%}, "
        f"parts of the band that play {obeyed['band_parts_that_play']:.0%} ({obeyed['songs']} songs)"
    )


def _statistic(row: dict[str, Any]) -> tuple[str, ...]:
    cells = (row.get("real_mean"), row.get("songs_mean"), row["songs"], row["halves"], row["ratio"])
    return (row["name"], *map(_cell, cells), _span(row["ratio_interval"]))


def _judgements(report: dict[str, Any]) -> list[tuple[object, ...]]:
    rows = [_judgement("copy rate", report["copy_rate"], "copy_rate")]
    if report["genre_control"]:
        rows.append(_judgement("genre recognised", report["genre_control"], "accuracy"))
    rows.append(_judgement("nats a note", report["nll"], "nll"))
    fields = report["nll"]["real"]["fields"]
    return rows + [
        (f"  {name}", _cell(nats), "", _cell(report["nll"]["songs"]["fields"][name]), "", "", "")
        for name, nats in fields.items()
    ]


def _judgement(name: str, found: dict[str, Any], key: str) -> tuple[object, ...]:
    real, songs = found["real"], found["songs"]
    cells = [cell for each in (real, songs) for cell in (_cell(each[key]), _span(each["interval"]))]
    return (name, *cells, real["works"], songs["works"])


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _span(values: list[float | None] | None) -> str:
    return "-" if values is None else f"{_cell(values[0])}..{_cell(values[1])}"
