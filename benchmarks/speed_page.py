"""Write docs/speed.md from benchmarks/results/speed.json; with ``--measure`` take the figures first (several minutes).

python benchmarks/speed_page.py --measure     # measure, keep the result, write the page
python benchmarks/speed_page.py               # write the page anew from the kept result
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "speed.json"
PAGE = ROOT / "docs" / "speed.md"

INTRODUCTION = """\
# Speed

```sh
riffbird benchmark speed                 # about five minutes on a quiet machine; leave it alone meanwhile
riffbird benchmark speed --runs 3 --json # one object: machine, figures with median, extremes and target
riffbird benchmark speed --quick         # one short run of everything, to see that it works
python benchmarks/speed_page.py --measure    # all of it, and this page written from it
```

Every figure is the median of its runs, with the lowest and the highest beside it, and the same *by processor time*: on
a machine that others use too, the clock tells how many they are. `pip install 'riffbird[fast]'` brings onnxruntime,
`'riffbird[train]'` torch, `'riffbird[benchmark]'` the transformer; without them those rows say so. Songs are the same
bytes by every backend.
"""

NOTES = (ROOT / "benchmarks" / "speed_notes.md").read_text(encoding="utf-8")
"""What the figures mean, and what changed them."""


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def number(value: float | None, unit: str = "") -> str:
    """Three digits, or all before the point; a dash for none."""
    if value is None:
        return "–"
    digits = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{digits} {unit}".strip()


def machine_section(report: dict[str, Any]) -> str:
    """What it was measured on."""
    machine = report["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    load = f"; load before: {machine['load_before']}" if machine["load_before"] is not None else ""
    return (
        f"## Machine\n\n{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}, "
        f"{libraries}{load}. Checkpoint {report['checkpoint']}. The whole run took {report['seconds']:.0f} s.\n"
    )


def verdict(figure: dict[str, Any]) -> str:
    """``met``, ``missed``, or nothing where there is no target or no value."""
    return {None: "", True: "met", False: "**missed**"}[figure["met"]]


def figures_section(report: dict[str, Any]) -> str:
    """Every figure with its target."""
    rows = [
        (
            figure["label"].strip(), number(figure["value"], figure["unit"]),
            f"{number(figure['low'])} – {number(figure['high'])}" if figure["low"] is not None else "",
            number(figure["cpu"]) if figure["cpu"] is not None else "", figure["target"] or "", verdict(figure),
            figure["note"],
        )
        for figure in report["figures"].values()
    ]  # fmt: skip
    met = [figure["met"] for figure in report["figures"].values() if figure["met"] is not None]
    headings = ("figure", "median", "lowest – highest", "by processor time", "target", "", "how")
    return f"## Figures\n\n{sum(met)} of {len(met)} targets met.\n\n{table(headings, rows)}"


def page(report: dict[str, Any]) -> str:
    """The page that a report makes."""
    return "\n".join([INTRODUCTION, machine_section(report), figures_section(report), NOTES])


def measured(runs: int) -> dict[str, Any]:
    """A new report; needs the machine for itself."""
    from training.speed.benchmark import SpeedRequest, run_speed

    return run_speed(SpeedRequest("bot.cli.main", runs=runs), lambda name, _share: print(name, file=sys.stderr))  # noqa: T201


def main() -> None:
    """Write the page, and before it the result where it is to be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    if given.measure:
        RESULT.write_text(json.dumps(measured(given.runs), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(json.loads(RESULT.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
