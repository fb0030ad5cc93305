"""Harmony and ensemble of songs in MIDI files beside held-out pieces, as Markdown tables.

``python -m benchmarks.harmony_table CORPORA SONGS [--out FILE.json]``: CORPORA holds a prepared corpus of each genre,
SONGS a folder of MIDI files of each genre. Songs count with up to 32 bars, like the excerpts of real pieces.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from midi_data.analysis.excerpts import spread_excerpts
from midi_data.corpus.dataset import open_shards
from midi_data.events.encoding import encode
from midi_data.io.midi_file import read_midi
from training.evaluation.evaluate import plain, training_samples
from training.evaluation.harmony import BARS, SOURCES, harmony_report
from training.evaluation.samples import BAR_CHOICES, Sample, excerpt_bars, held_out, real_samples

SEED = 0


def song_samples(folder: Path) -> list[Sample]:
    """One excerpt of each MIDI file: as many bars of ``BAR_CHOICES`` as it has."""
    samples = []
    for path in sorted(folder.glob("*.mid")):
        events = encode(read_midi(path))
        excerpts = (spread_excerpts(events, bars, 1) for bars in (*BAR_CHOICES, BARS))
        samples += [Sample(path.stem, each[0]) for each in [next((e for e in excerpts if e), None)] if each]
    return samples


def report_of(corpus: Path, songs: Path) -> dict[str, Any]:
    """The harmony report of one genre."""
    shards = open_shards(corpus)
    held = held_out(shards, corpus.name)
    bars = excerpt_bars(held)
    training = training_samples(shards, corpus.name, bars, SEED)
    made = song_samples(songs)
    report = harmony_report(real_samples(held, bars), made, training, SEED)
    return {"genre": corpus.name, "songs": len(made), "works": len({piece.work for _, piece in held}), **report}


def discriminator_table(reports: list[dict[str, Any]]) -> str:
    """Accuracy of the discriminators by genre."""
    lines = ["| genre | works | songs | songs told apart | training pieces told apart | figures within 15 % |"]
    lines.append("|---|---|---|---|---|---|")
    for each in reports:
        near = each["within_15_percent"]
        columns = [_accuracy(each["discriminator"]), _accuracy(each["discriminator_training_pieces"])]
        columns.append(f"{near['near']} of {near['figures']}")
        lines.append(f"| {each['genre']} | {each['works']} | {each['songs']} | {' | '.join(columns)} |")
    return "\n".join(lines)


def figure_table(reports: list[dict[str, Any]]) -> str:
    """Mean of each figure by genre, real / songs."""
    lines = [f"| figure | {' | '.join(each['genre'] for each in reports)} |", "|---" * (len(reports) + 1) + "|"]
    for name in SOURCES:
        rows = [next(row for row in each["figures"] if row["name"] == name) for each in reports]
        cells = [f"{_cell(row['real'])} / {_cell(row['songs'])}" for row in rows]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _accuracy(found: dict[str, Any] | None) -> str:
    if found is None:
        return "-"
    low, high = found["accuracy_interval"]
    return f"{found['accuracy']:.0%} ({low:.0%} to {high:.0%})"


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("songs", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    reports = []
    for corpus in sorted(options.corpora.iterdir()):
        if any((options.songs / corpus.name).glob("*.mid")):
            reports.append(plain(report_of(corpus, options.songs / corpus.name)))
            sys.stderr.write(f"{corpus.name}\n")
    if options.out:
        options.out.write_text(json.dumps(reports, indent=1), encoding="utf-8")
    sys.stdout.write(f"{discriminator_table(reports)}\n\n{figure_table(reports)}\n")


if __name__ == "__main__":
    main()
