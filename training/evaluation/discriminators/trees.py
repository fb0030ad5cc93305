"""Gradient-boosted trees on features: ours or real, and which genre. Knows rows of numbers only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from training.evaluation.discriminators.folds import Judge

Floats = NDArray[np.float64]

ROUNDS = 120
SMALLEST_LEAF = 5


def boosted(seed: int) -> Any:
    """Gradient-boosted trees for small samples, every class counting alike (Friedman 2001; scikit-learn)."""
    return HistGradientBoostingClassifier(
        max_iter=ROUNDS,
        learning_rate=0.1,
        max_leaf_nodes=8,
        min_samples_leaf=SMALLEST_LEAF,
        class_weight="balanced",
        early_stopping=False,
        random_state=seed,
    )


def tree_judge(rows: Floats, classes: NDArray[np.bool_], seed: int) -> Judge:
    """A judge for ``folds.cross_validate`` over ``rows`` (N, features)."""

    def judge(known: NDArray[np.int64], asked: NDArray[np.int64]) -> Floats:
        model = boosted(seed).fit(rows[known], classes[known])
        sure: Floats = model.predict_proba(rows[asked])[:, 1]
        return sure

    return judge
