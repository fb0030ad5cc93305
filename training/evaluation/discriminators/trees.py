"""Gradient-boosted trees on feature rows, as a discriminator and as a genre classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from training.evaluation.discriminators.folds import Classifier

Floats = NDArray[np.float64]

ROUNDS = 120
SMALLEST_LEAF = 5


def boosted(seed: int) -> Any:
    """Gradient-boosted trees for small samples, classes weighted equally (Friedman 2001; scikit-learn)."""
    return HistGradientBoostingClassifier(
        max_iter=ROUNDS,
        learning_rate=0.1,
        max_leaf_nodes=8,
        min_samples_leaf=SMALLEST_LEAF,
        class_weight="balanced",
        early_stopping=False,
        random_state=seed,
    )


def tree_classifier(rows: Floats, classes: NDArray[np.bool_], seed: int) -> Classifier:
    """A classifier for ``folds.cross_validate`` over ``rows`` (N, features)."""

    def classifier(train: NDArray[np.int64], test: NDArray[np.int64]) -> Floats:
        model = boosted(seed).fit(rows[train], classes[train])
        probability: Floats = model.predict_proba(rows[test])[:, 1]
        return probability

    return classifier
