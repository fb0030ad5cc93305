"""Summarise the JSON of several ``riffbird evaluate --json`` runs for the checkpoint's card.

python benchmarks/evaluation_summary.py REPORT.json… > benchmarks/results/evaluation.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def summary(report: dict[str, Any]) -> dict[str, Any]:
    """Figures of one genre for the card, with intervals."""
    opponents, copies, control = report["discriminators"], report["copy_rate"], report["genre_control"]
    structure = {name: row for name, row in report["structure"].items() if row["ratio"] is not None}
    return {
        "genre": report["genre"], "songs": report["songs"]["compared"], "works": report["real"]["works"],
        "seed": report["seed"], "randomness": report["randomness"], "bars": report["bars"],
        **report["within_1.25"],
        "training_pieces_near_enough": (report["training_pieces"] or {}).get("near_enough"),
        "ratios": {row["name"]: row["ratio"] for row in report["statistics"]},
        "ratio_intervals": {row["name"]: row["ratio_interval"] for row in report["statistics"]},
        "structure": {name: row["ratio"] for name, row in structure.items()},
        "structures": len(structure),
        "structures_near": sum(row["within_15_percent"] for row in structure.values()),
        "trees": opponents["trees"]["accuracy"], "trees_interval": opponents["trees"]["accuracy_interval"],
        "network": opponents["network"]["accuracy"], "network_interval": opponents["network"]["accuracy_interval"],
        "copy_rate": copies["songs"]["copy_rate"], "copy_rate_interval": copies["songs"]["interval"],
        "copy_rate_real": copies["real"]["copy_rate"], "copy_rate_real_interval": copies["real"]["interval"],
        "heard": control["songs"]["accuracy"], "heard_interval": control["songs"]["interval"],
        "heard_real": control["real"]["accuracy"], "heard_real_interval": control["real"]["interval"],
        "nll": report["nll"]["songs"]["nll"], "nll_real": report["nll"]["real"]["nll"],
        "obeyed": report["obeyed"],
    }  # fmt: skip


def main() -> None:
    """Print the summaries of the reports."""
    reports = [json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]]
    sys.stdout.write(json.dumps([summary(report) for report in reports], indent=1) + "\n")


if __name__ == "__main__":
    main()
