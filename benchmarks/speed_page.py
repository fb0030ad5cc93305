"""Write docs/speed.md from benchmarks/results/speed.json; with ``--measure`` take the figures first (several minutes).

python benchmarks/speed_page.py --measure     # measure, keep the result, write the page
python benchmarks/speed_page.py               # write the page anew from the kept result
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "speed.json"
PAGE = ROOT / "docs" / "speed.md"

INTRODUCTION = """\
# Speed

```sh
riffbird benchmark speed                 # about five minutes; leave the machine alone meanwhile
riffbird benchmark speed --json          # one object: machine, figures with median, extremes and target, growth
riffbird benchmark speed --quick         # one short run of everything, to see that it works
riffbird benchmark speed --checkpoint mine.safetensors
python benchmarks/speed_page.py --measure    # all of it, and this page written from it
```

Every figure is the median of five runs after a warm-up, with the lowest and the highest beside it. Beside the clock's
figure stands the same *by processor time*: on a machine that others use too, the clock tells how many they are.

`pip install 'riffbird[fast]'` (onnxruntime) halves a note's time; the songs are the same without it. Torch
(`pip install 'riffbird[train]'`) is needed for the network's own module beside ours, `transformers`
(`pip install 'riffbird[benchmark]'`) for the transformer; without them those rows say so.
"""

EIGHT_BITS = """\
## What eight bits cost

Nats a note on held-out pieces: six a genre, all eight genres, their first 800 notes, genre, band and tempo told. The
engine that composes against the same network in float32:

| arithmetic | nats a note | more, mean of genres | worst genre |
|---|---|---|---|
| float32 | 3.1076 | | |
| large products and activations in eight bits, heads added up in double precision | 3.1075 | 0.001 % | 0.039 % |
| before: all on float32's dyadic grids | 3.1213 | 0.471 % | 1.196 % |

The loss of before was not the recurrent weights' but that of the heads' last product: to stay exact in 24 bits its
weights had been rounded to sixteenths.
"""

LOST = """\
## What lost

One thread of an AMD EPYC (Zen 4, AVX-512 with VNNI, 1 MB L2), processor time, the three large products of a step
(512 × 2,048, 1,024 × 2,048, 512 × 960), microseconds for a whole batch:

| products | 1 song | 4 | 8 | 16 |
|---|---|---|---|---|
| **eight bits, onnxruntime (taken)** | 66 | 90 | 171 | 301 |
| float32, onnxruntime | 277 | 415 | 753 | 1,360 |
| float32, numpy (OpenBLAS, SkylakeX kernels; taken without onnxruntime) | 283 | 1,641 | 2,008 | 2,712 |
| float32, numpy, Zen kernels (`OPENBLAS_CORETYPE=Zen`) | 268 | 960 | 1,372 | 1,873 |
| float32, numpy, weights the other way round | 347 | 2,911 | 3,313 | 4,059 |

- Float32, however it is run, reads 14 MB a note: about 280 µs from the third-level cache.
- OpenBLAS repacks the weights at every product of a small batch: four songs cost more than four times one.
- Arrays for the five draws of a note (masks, softmax, sort, distances over all classes): 204 µs a note where lists over
  the few allowed classes take an eighth of that. Drawing for all songs of a batch in one array was not tried: the lists
  are 21 classes long on average.
- The part's head over all 516 classes: the band's six are enough.
- Video with CABAC: 13.8 × real time by processor time where without it is 15.0 (1.75 and 1.91 MB for 20 s). A coarser
  quantiser (23) gives 14.4, a key picture in ten seconds instead of two 14.2.
- The whole step as one onnxruntime graph was not tried: two calls of 8 µs and some thirty numpy calls of 1 µs are what
  it could save, by estimate.
"""


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
    told = report["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in told["libraries"].items())
    load = f"; load before: {told['load_before']}" if told["load_before"] is not None else ""
    return (
        f"## Machine\n\n{told['cpu']}, {told['cores']} cores, {told['system']}, Python {told['python']}, "
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


GROWTH: dict[str, str] = {"length_seconds": "seconds of song", "parts": "parts", "hidden": "units a layer"}


def growth_section(report: dict[str, Any]) -> str:
    """What a note costs by length, parts, width, and how songs side by side share it."""
    grown, figures = report["growth"], report["figures"]
    parts = [
        table((said, "notes", "µs a note", "by processor time"), [_grown(point) for point in grown[name]])
        for name, said in GROWTH.items()
    ]
    headings = ("genre", "notes/s of music", "µs a note", "x real time", "slowest – fastest")
    parts.insert(0, table(headings, _genres(grown)))
    songs = [(name.removeprefix("batch_"), each) for name, each in figures.items() if name[6:].isdigit()]
    parts.append(table(("songs side by side", "notes/s", "by processor time"), [_beside(*each) for each in songs]))
    sound = [
        (f"{point['at']:g}", point["parts"], number(point["seconds"]), number(point["seconds_cpu"]))
        for point in grown["sound_by_length_seconds"]
    ]
    parts.append(table(("seconds of song", "parts", "s of synthesis and mix", "by processor time"), sound))
    return "## How the cost grows\n\n" + "\n".join(parts)


def _grown(point: dict[str, Any]) -> tuple[str, ...]:
    return f"{point['at']:g}", str(point["notes"]), number(point["note_us"]), number(point["note_us_cpu"])


def _genres(grown: dict[str, Any]) -> Iterable[tuple[str, ...]]:
    return (
        (
            point["at"], number(point["notes_a_second"]), number(point["note_us"]), number(point["real_time"]),
            f"{number(point['real_time_low'])} – {number(point['real_time_high'])} ({point['songs']} songs)",
        )
        for point in grown["genre"]
    )  # fmt: skip


def _beside(count: str, figure: dict[str, Any]) -> tuple[str, ...]:
    return count, number(figure["value"]), number(figure["cpu"])


def page(report: dict[str, Any]) -> str:
    """The page that a report makes."""
    sections: list[Callable[[dict[str, Any]], str]] = [machine_section, figures_section, growth_section]
    return "\n".join([INTRODUCTION, *(section(report) for section in sections), EIGHT_BITS, LOST])


def measured() -> dict[str, Any]:
    """A new report; needs the machine for itself."""
    from training.speed.benchmark import SpeedRequest, run_speed

    return run_speed(SpeedRequest("bot.cli.main"), lambda name, _share: print(name, file=sys.stderr))  # noqa: T201


def main() -> None:
    """Write the page, and before it the result where it is to be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true")
    if parser.parse_args().measure:
        RESULT.write_text(json.dumps(measured(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(json.loads(RESULT.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
