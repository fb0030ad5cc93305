"""Write the shipped checkpoint's card from its own header and from measured results.

python benchmarks/song_check.py --json > benchmarks/results/songs.json
python benchmarks/genre_score.py CORPUS --json > benchmarks/results/genre_score.json
python benchmarks/checkpoint_card.py > docs/checkpoint.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from composer.model.checkpoint import Header, load_checkpoint, shipped_checkpoint
from midi_data.events.encoding import FIELDS

RESULTS = Path(__file__).parent / "results"

INTRODUCTION = """\
# The shipped checkpoint

`composer/checkpoints/{file}`: {megabytes:.1f} MB in half precision; its note network has {parameters:.1f} million
parameters. It was trained on {notes:.1f} million notes (a piece used twice counts twice, transposed anew) on two CPU
cores, by the recipes `house.toml`, `chords.toml` and `motifs.toml` of `training/recipes`, in twelve legs listed in
[experiments.md](experiments.md). One run of each, on the checkpoint of the one before,

    riffbird train --corpus data/corpora --recipe training/recipes/house.toml --minutes 480
    riffbird train --corpus data/corpora --base BASE.safetensors --recipe training/recipes/chords.toml --minutes 52
    riffbird train --corpus data/corpora --base BASE.safetensors --recipe training/recipes/motifs.toml --minutes 50
    python benchmarks/calibrate.py data/corpora BASE.safetensors {file}

trains a similar one; the planning models are trained as in [training](training.md). The shipped temperatures, motif
bonuses and biases on new bars were chosen by hand from such trials ([experiments](experiments.md#motifs)).
"""

DATA = """\
## Data

Training data by genre. Most drums and accompaniments in blues, folk, jazz, pop and rock are generated
by MMA from its pattern library; melodies and solos are human. `drum-grooves` are human drummers.
"""

LICENCES = """\
Licences of the sources, with the number of training pieces. The stated licences cover the files; a composition in a
file may be protected all the same (POP909 arranges commercial songs, the Weimar Jazz Database transcribes solos over
standards, OpenEWLD rests on its author's filter). Whether trained weights are a derivative of their data is unsettled.
"""

VALID = """\
## How well it predicts

Exact nats a note on held-out pieces (works not in the training set), conditioned on the piece's own plan as songs are
(band, chords, repetition, activity, decoded style), not on its source. Fields sum to the nll; p(band) is not included.
Durations of drums are fixed and cost almost nothing.
"""

LIMITS = """\
## What it cannot do

- No lyrics, and no melodies on request.
- Motifs come back less often than in real pieces, and a drummer's accents are too even.
- Songs end on a bar line, rarely with a cadence.
- One meter and one tempo a song. No pitch bends, pedal or volume changes.
- A requested key is a condition and a scale, not a constraint: see the table of requests in
  [experiments.md](experiments.md). The JSON has the estimated key.
- A requested instrument that the genre's corpus lacks may play little.
- `game` has 180 dissimilar pieces and is overfitted: held-out ones are much less likely than its own songs.
- The corpora have not been checked piece by piece by listening.
"""


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def result(name: str) -> Any:
    """A result file's last JSON value."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def data_tables(header: Header) -> str:
    """Amounts and licences."""
    amounts = table(
        ("genre", "pieces", "hours", "notes"),
        [(g, int(a["pieces"]), f"{a['hours']:.1f}", f"{int(a['notes']):,}") for g, a in sorted(header.data.items())],
    )
    licences = table(
        ("genre", "source: licence", "pieces"),
        [
            (genre, what, count)
            for genre, counts in sorted(header.licences.items())
            for what, count in sorted(counts.items(), key=lambda item: -item[1])
            if genre != "drum-grooves"
        ],
    )
    grooves = sum(header.licences.get("drum-grooves", {}).values())
    return f"{amounts}\n{LICENCES}\n{licences}\nAll {grooves} drum grooves: CC-BY-4.0, Groove MIDI Dataset (Magenta).\n"


def songs_section() -> str:
    """What must not happen in songs, counted."""
    rows = result("songs")
    return (
        f"## What its songs keep to\n\n{rows[0]['songs']} songs a genre, 45 s, seeds from 1000 on, written to MIDI and "
        "read back (`benchmarks/song_check.py`). Bar similarity: mean over bars of the similarity to the most "
        "similar of the bars 1, 2, 4, 8 and 16 before. Composed on a machine that others used.\n\n"
        + table([name.replace("_", " ") for name in rows[0]], [list(row.values()) for row in rows])
    )


def evaluation_section() -> str:
    """Songs beside real held-out pieces; a genre that misses a mark says so."""
    rows = result("evaluation")
    first = rows[0]
    cells = [
        (
            r["genre"], f"{r['near_enough']} of {r['statistics']}", r["training_pieces_near_enough"],
            f"{r['structures_near']} of {r['structures']}", share(r["trees"]), share(r["network"]),
            f"{share(r['copy_rate'])}, {share(r['copy_rate_real'])}", f"{share(r['heard'])}, {share(r['heard_real'])}",
            ", ".join(misses(r)) or "none",
        )
        for r in rows
    ]  # fmt: skip
    counts = [r["songs"] for r in rows]
    return (
        "## Its songs beside real pieces\n\n"
        f"`riffbird evaluate`, {min(counts)} to {max(counts)} songs a genre, seed {first['seed']}, "
        f"randomness {first['randomness']}; "
        "[evaluation](evaluation.md) says what is measured, intervals are in "
        "`benchmarks/results/evaluation.json`. Statistics near enough: within 1.25 × the distance between two halves "
        "of the real pieces; beside it how many real training pieces reach in the songs' place. Marks: all statistics "
        "near enough; structure within 15 %; discriminators right at most 65 %; copy rate not above real pieces'; "
        "taken for the genre at least nine tenths as often as real pieces. The network never learned from these "
        "pieces, but how songs are drawn was chosen with them in view.\n\n"
        + table(
            ("genre", "statistics", "training pieces", "structure", "trees right", "network right",
             "copy rate, real", "taken for the genre, real", "missed"), cells
        )
    )  # fmt: skip


def misses(row: dict[str, Any]) -> list[str]:
    """The marks that a genre's songs do not reach."""
    marks = {
        "statistics": row["near_enough"] == row["statistics"],
        "structure": row["structures_near"] == row["structures"],
        "discriminators": max(row["trees"], row["network"]) <= 0.65,
        "copy rate": row["copy_rate"] <= row["copy_rate_real_interval"][1],
        "genre": row["heard"] >= 0.9 * row["heard_real"],
    }
    return [name for name, reached in marks.items() if not reached]


def share(value: float) -> str:
    """A share as whole percents."""
    return f"{100 * value:.0f} %"


def genre_section() -> str:
    """How often the right genre wins."""
    scores = result("genre_score")
    rows = [
        (g, r["pieces"], f"{100 * r['better_than_a_wrong_genre']:.0f} %", f"{100 * r['best_of_all_genres']:.0f} %")
        for g, r in scores["genres"].items()
    ]
    share = 100 * scores["better_than_a_wrong_genre"]
    return (
        "## Whether it knows its genres\n\nHeld-out pieces (their first 1,500 notes), scored under their own and under "
        f"every other genre (`benchmarks/genre_score.py`): the right one is better than a wrong one in {share:.0f} % "
        "of the comparisons.\n\n" + table(("genre", "pieces", "better than a wrong one", "best of all eight"), rows)
    )


def main() -> None:
    """Print the card."""
    path = shipped_checkpoint()
    checkpoint = load_checkpoint(path)
    header = checkpoint.header
    valid = table(
        ("genre", "nll", *FIELDS),
        [(g, *(f"{figures[n]:.3f}" for n in ("nll", *FIELDS))) for g, figures in sorted(header.valid.items())],
    )
    introduction = INTRODUCTION.format(
        file=path.name,
        megabytes=path.stat().st_size / 1e6,
        parameters=sum(weight.size for weight in checkpoint.weights.values()) / 1e6,
        notes=header.trained_notes / 1e6,
    )
    sections = [
        introduction,
        f"{DATA}\n{data_tables(header)}",
        f"{VALID}\n{valid}",
        songs_section(),
        evaluation_section(),
        genre_section(),
        LIMITS,
    ]
    sys.stdout.write("\n".join(sections))


if __name__ == "__main__":
    main()
