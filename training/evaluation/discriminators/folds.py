"""Cross-validation of a classifier: folds by work, balanced accuracy, bootstrap interval over works."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.distances import interval

Bools = NDArray[np.bool_]
Rows = NDArray[np.int64]
Classifier = Callable[[Rows, Rows], NDArray[np.float64]]
"""(training rows, test rows) → (M,) probabilities of class 1 of the test rows."""

FOLDS = 5
BOOTSTRAP_DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Balanced accuracy on unseen works (0.5: chance), its interval, and sample sizes."""

    accuracy: float
    accuracy_interval: tuple[float, float]
    excerpts: int
    works: int


def folds_by_work(works: Sequence[str], classes: Bools, count: int, seed: int) -> NDArray[np.int64]:
    """(N,) the fold of each row; a work is in one fold, and the works of each class are spread evenly."""
    rng = np.random.default_rng(seed)
    fold: dict[str, int] = {}
    for side in (False, True):
        own = sorted({work for work, is_one in zip(works, classes.tolist(), strict=True) if is_one == side})
        fold.update({own[i]: n % count for n, i in enumerate(rng.permutation(len(own)).tolist())})
    return np.array([fold[work] for work in works])


def cross_validate(
    works: Sequence[str], classes: Bools, classifier: Classifier, seed: int, count: int = FOLDS
) -> Accuracy:
    """Accuracy of ``classifier`` on each fold, trained on the others. Needs at least two works of each class."""
    fold = folds_by_work(works, classes, count, seed)
    probability = np.zeros(len(classes))
    for number in np.unique(fold).tolist():
        test = np.flatnonzero(fold == number)
        probability[test] = classifier(np.flatnonzero(fold != number), test)
    right = (probability > 0.5) == classes
    return Accuracy(balanced(right, classes), _bootstrap(right, classes, works, seed), len(classes), len(set(works)))


def balanced(right: Bools, classes: Bools) -> float:
    """Mean of the two classes' shares of right answers."""
    return float((right[classes].mean() + right[~classes].mean()) / 2)


def _bootstrap(right: Bools, classes: Bools, works: Sequence[str], seed: int) -> tuple[float, float]:
    """Bootstrap interval of the balanced accuracy over the works of each class (Efron 1979)."""
    rng, names = np.random.default_rng(seed), np.asarray(works)
    sides = []
    for side in (False, True):
        own = [right[(names == work) & (classes == side)] for work in np.unique(names[classes == side])]
        hits, sizes = np.array([o.sum() for o in own]), np.array([len(o) for o in own])
        again = rng.integers(len(own), size=(BOOTSTRAP_DRAWS, len(own)))
        sides.append(hits[again].sum(axis=1) / sizes[again].sum(axis=1))
    return interval((sides[0] + sides[1]) / 2)
