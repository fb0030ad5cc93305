"""p(band | genre), exactly: half the lineups heard, half every instrument by itself. Any set has a probability.

The first half knows which players belong together, the second leaves nothing impossible. Source of the estimator:
a kernel mixture with an independent background, as in Jelinek–Mercer smoothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from composer.model.checkpoint_tables import TEMPLATE_COLUMNS
from midi_data.events.encoding import VOCABULARY, Ints

HEARD_SHARE = 0.5


def band_nll(templates: Ints, genre_row: int, band: Collection[int]) -> float:
    """−log p(band | genre) in nats. ``templates`` as in the checkpoint; ``band`` part classes."""
    mine = templates[templates[:, 0] == genre_row][:, len(TEMPLATE_COLUMNS) :]
    wanted = set(band)
    heard = sum(set(row[row >= 0].tolist()) == wanted for row in mine) / max(len(mine), 1)
    alone = _log_independent(mine, wanted)
    if not len(mine):
        return -alone
    return -float(
        np.logaddexp(math.log(HEARD_SHARE * heard) if heard else -math.inf, math.log(1 - HEARD_SHARE) + alone)
    )


def _log_independent(mine: Ints, wanted: set[int]) -> float:
    """Log of the product over all part classes of how often each plays (Laplace's rule, halves)."""
    counts = np.bincount(mine[mine >= 0], minlength=VOCABULARY["part"])[: VOCABULARY["part"]]
    share = (counts + 0.5 / VOCABULARY["part"]) / (len(mine) + 1)
    playing = np.zeros(VOCABULARY["part"], dtype=np.bool_)
    playing[list(wanted)] = True
    return float(np.log(np.where(playing, share, 1 - share)).sum())
