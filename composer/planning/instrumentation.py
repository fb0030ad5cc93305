"""p(band | genre): a mixture of the bands of the training pieces and of independent parts, with equal weights.

The first term knows which parts play together, the second gives every set of parts a probability; as in Jelinek–Mercer
smoothing.
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from composer.model.checkpoint_tables import TEMPLATE_COLUMNS
from midi_data.events.encoding import VOCABULARY, Ints

EMPIRICAL_WEIGHT = 0.5


def band_nll(templates: Ints, genre_row: int, band: Collection[int]) -> float:
    """−log p(band | genre) in nats. ``templates`` (P, 24) as in the checkpoint; ``band``: part classes."""
    bands = templates[templates[:, 0] == genre_row][:, len(TEMPLATE_COLUMNS) :]  # (pieces, 16)
    wanted = set(band)
    independent = _log_independent(bands, wanted)
    if not len(bands):
        return -independent
    share = sum(set(row[row >= 0].tolist()) == wanted for row in bands) / len(bands)
    empirical = math.log(EMPIRICAL_WEIGHT * share) if share else -math.inf
    return -float(np.logaddexp(empirical, math.log(1 - EMPIRICAL_WEIGHT) + independent))


def _log_independent(bands: Ints, wanted: set[int]) -> float:
    """Log of the product over all part classes of the probability that each plays or not, with add-half smoothing."""
    counts = np.bincount(bands[bands >= 0], minlength=VOCABULARY["part"])[: VOCABULARY["part"]]
    share = (counts + 0.5 / VOCABULARY["part"]) / (len(bands) + 1)
    playing = np.zeros(VOCABULARY["part"], dtype=np.bool_)
    playing[list(wanted)] = True
    return float(np.log(np.where(playing, share, 1 - share)).sum())
