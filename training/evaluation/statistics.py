"""Statistics of songs and of real pieces: each distance with that between two halves of the real pieces."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from training.evaluation.discriminators.features import Measured
from training.evaluation.distances import Comparison, compare, jensen_shannon, mean_histogram, wasserstein

NEAR_ENOUGH = 1.25
"""Largest ratio of the distance of songs to that between real halves that counts as near enough."""

STRUCTURES = (
    "similarity_1_8", "similarity_8_16", "similarity_16_up", "best_match_1_8", "best_match_8_16", "best_match_16_up",
)  # fmt: skip
STRUCTURE_TOLERANCE = 0.15


def statistics(real: Measured, works: list[str], songs: Measured, seed: int) -> list[dict[str, Any]]:
    """One row for each statistic: means, distances, their ratio, sizes and intervals."""
    rows = []
    for name, values in real.scalars.items():
        ours = songs.scalars[name]
        found = compare(values, works, ours, wasserstein, seed)
        rows.append(_row(name, "wasserstein", found, seed) | {"real_mean": _mean(values), "songs_mean": _mean(ours)})
    for name, counts in real.histograms.items():
        ours = songs.histograms[name]
        found = compare(counts, works, ours, jensen_shannon, seed)
        means = {f"{who}_histogram": _shares(each) for who, each in (("real", counts), ("songs", ours))}
        rows.append(_row(name, "jensen_shannon_bits", found, seed) | means)
    return rows


def structure_report(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means of each structure figure of real pieces and of songs, and whether songs are within 15 %."""
    found = {}
    for row in rows:
        if row["name"] in STRUCTURES and math.isfinite(row["real_mean"]) and row["real_mean"] > 0:
            ratio = row["songs_mean"] / row["real_mean"]
            near = abs(ratio - 1) <= STRUCTURE_TOLERANCE
            found[row["name"]] = {
                "real": row["real_mean"], "songs": row["songs_mean"], "ratio": ratio, "within_15_percent": near,
            }  # fmt: skip
    return found


def _row(name: str, distance: str, found: Comparison, seed: int) -> dict[str, Any]:
    return {"name": name, "distance": distance, "seed": seed, **asdict(found)}


def _mean(values: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def _shares(counts: np.ndarray[Any, np.dtype[np.float64]]) -> list[float] | None:
    shares = mean_histogram(counts)
    return None if shares is None else [round(share, 5) for share in shares.tolist()]


def near_enough(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Number of statistics within ``NEAR_ENOUGH``; if real halves are equal, songs must equal them too."""
    known = [row for row in rows if math.isfinite(row["songs"])]
    near = sum(row["songs"] <= NEAR_ENOUGH * row["halves"] for row in known)
    return {"statistics": len(known), "near_enough": near}
