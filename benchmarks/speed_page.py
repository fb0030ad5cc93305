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

`pip install 'riffbird[fast]'` (onnxruntime) halves a note's time; the songs are the same without it. Where a C compiler
and Python's headers are at hand, installing compiles the inner loop too (mypyc, `setup.py`: rules, choices, lookback
and writing, plain typed Python all of it). A source that was changed since is imported as it is, and all others with it
(`midi_data/compiled.py`); `RIFFBIRD_COMPILED=0` does the same. Torch
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

WENT = """\
## Where a note's time went

One song, one thread, microseconds a note:

| part | arrays in float32 | lists for what is few | and eight bits by onnxruntime |
|---|---|---|---|
| a note, processor time, on a busy machine | 1,331 | 679 | 390 |
| on a quiet one | 1,000 | | 380 |
| sampling | 204 | | 26 |
| rules, lookback and writing | 118 | | 45 |
| 16 songs side by side, a note of each, processor time | 770 | 532 | 225 |

The middle column's songs are those of the first, byte for byte; eight bits made others. Python a song is what keeps 16
songs from four times the notes of one: of a note's 190 µs in a batch of 16 (quiet) the large products are 19.

Forms of single parts and amounts came after that table and cost some 60 µs a note (403 µs before, 462 µs with them,
each on a quiet machine). What 50 MB less at the peak of a command came from: the network is let go before the last
songs are rendered.

Telling each part's tendencies to the network came after that: a row more to add a step and a product a note, by
estimate 20 µs. A batch is shared out among as many processes as there are cores since then
(`composer/decoding/parallel.py`).

Then the inner loop was compiled, with no byte of a song changed: rules, choices, lookback and writing take 78 µs of a
note where they took some 170. Gates are given in the steps of their curves' tables, and the pitch head's last product
is of the pitches that a part may play (19 of 256, on the mean). A note 488 → 408 µs, a song of 45 s 71 → 84 × real
time, 16 songs in one process 378 → 266 µs a note (medians of one run each, on about as quiet a machine).

Products are made into places that were bound ahead and come out in float32 (onnxruntime's MatMulIntegerToFloat), and
what a note's three fields look back to is added up at once: again the same bytes. In turns, ten times each, processor
time, the fastest of ten: a note 384 → 368 µs, eight songs in one process 236 → 214 µs a note.

A step costs about 260 µs and 130 more for each song in it (lowest tenth, two cores with nobody beside us); from twelve
songs on it is 170 more. Songs have unlike lengths: of 16 the longest had nine times the notes of the shortest and
played alone in the end, which left 1.8 to 2.9 of the 4 times that were wanted. So whenever a song ends, the next that
waits takes its place, in whichever process (`composer/decoding/parallel.py`); in rows of as many songs as go at once
none waits.

Machines are shared. The figures above are of the middle one of three runs of this code within sixteen minutes, which
met 5, 6 and 5 of 12 marks: a note 573, 526 and 576 µs (4.03, 3.77 and 3.89 × reading its weights), a song of 45 s 62,
75 and 61 × real time, against nn.LSTM 13.5, 12.5 and 14.4 × (which itself ran 129, 152 and 121 notes a second), 16
songs 3.21, 3.60 and 3.39 × one at a time in two processes (2.80, 2.60 and 3.00 with none waiting), synthesis 66, 73
and 69 ×, video 13.1, 14.7 and 11.6 ×, a warm request 5.6, 4.8 and 7.0 s, cold 1.8, 1.4 and 1.9 s. It was a busy hour:
in turns with it the code of before took 528, 574 and 563 µs a note where this one took 413, 528 and 540. Two hours
earlier on the same machine a note of the code before took 465 µs, and 64 songs, 16 at a time, 4.13 and 4.25 × one at
a time. On other days the code before met 10, 7 and 5 marks: a note 408, 432 and 515 µs, 2.91, 2.53 and 3.62 ×
reading, a song 84, 79 and 73 ×, nn.LSTM 15.9, 15.4 and 16.7 ×.
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
    return "\n".join([INTRODUCTION, *(section(report) for section in sections), EIGHT_BITS, WENT, LOST])


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
