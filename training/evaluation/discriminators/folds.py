"""A classifier's answers on works it has not seen: folds by work, balanced accuracy, an interval over works.

Knows groups and answers; deliberately does not know what is being told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.distances import interval

Bools = NDArray[np.bool_]
Rows = NDArray[np.int64]
Judge = Callable[[Rows, Rows], NDArray[np.float64]]
"""Learns from the rows of the first, returns for the rows of the second how sure (0 … 1) it is of class 1."""

FOLDS = 5
BOOTSTRAP_DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Verdict:
    """Balanced accuracy (0.5: cannot tell) on unseen works, its interval, and what it is over."""

    accuracy: float
    accuracy_interval: tuple[float, float]
    excerpts: int
    works: int


def folds_by_work(works: Sequence[str], classes: Bools, count: int, seed: int) -> NDArray[np.int64]:
    """(N,) the fold of each row; a work lies in one fold, and each class' works are dealt out evenly."""
    rng = np.random.default_rng(seed)
    fold: dict[str, int] = {}
    for side in (False, True):
        own = sorted({work for work, is_one in zip(works, classes.tolist(), strict=True) if is_one == side})
        fold.update({own[i]: n % count for n, i in enumerate(rng.permutation(len(own)).tolist())})
    return np.array([fold[work] for work in works])


def cross_validate(works: Sequence[str], classes: Bools, judge: Judge, seed: int, count: int = FOLDS) -> Verdict:
    """Ask ``judge`` about each fold in turn, taught on the others. Needs two works a class at least."""
    fold = folds_by_work(works, classes, count, seed)
    sure = np.zeros(len(classes))
    for number in np.unique(fold).tolist():
        asked = np.flatnonzero(fold == number)
        sure[asked] = judge(np.flatnonzero(fold != number), asked)
    right = (sure > 0.5) == classes
    return Verdict(balanced(right, classes), _bootstrap(right, classes, works, seed), len(classes), len(set(works)))


def balanced(right: Bools, classes: Bools) -> float:
    """Mean of the two classes' shares of right answers."""
    return float((right[classes].mean() + right[~classes].mean()) / 2)


def _bootstrap(right: Bools, classes: Bools, works: Sequence[str], seed: int) -> tuple[float, float]:
    """Interval of the balanced accuracy when works are drawn again, each class' among themselves (Efron 1979)."""
    rng, names = np.random.default_rng(seed), np.asarray(works)
    sides = []
    for side in (False, True):
        own = [right[(names == work) & (classes == side)] for work in np.unique(names[classes == side])]
        hits, sizes = np.array([o.sum() for o in own]), np.array([len(o) for o in own])
        again = rng.integers(len(own), size=(BOOTSTRAP_DRAWS, len(own)))
        sides.append(hits[again].sum(axis=1) / sizes[again].sum(axis=1))
    return interval((sides[0] + sides[1]) / 2)
