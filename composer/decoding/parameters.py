"""The hand-set numbers of decoding, and the logit biases that a composer applies.

Everything else that decides about a note is learned, drawn by the plan, or a hard constraint.
"""

from __future__ import annotations

TEMPERATURE = (0.9, 1.1)
"""Factor on the genre's temperature at randomness 0 and 1."""
MIN_P = (0.1, 0.0)
"""Least probability of a class, as a share of the likeliest one's, at randomness 0 and 1."""
EXPRESSION_MIN_P = 0.1
"""The same for exact velocities and lengths, at any randomness: real parts use few of them."""
TAU = (0.4, 1.2)
"""Noise of embedding sampling, in distances to the nearest neighbour, at randomness 0 and 1."""
REPETITION_TEMPERATURES = (1.05, 0.95, 0.75, 0.4)
"""Factors on the temperature by similarity level: new, varied, nearly the same, the same."""

BIASES = ("histogram", "note_count", "repetition", "chord")
"""Logit biases in their order; ``Composer`` takes any of them."""

HISTOGRAM_PRIOR = 12.0
"""Notes distributed as planned that are counted in advance."""
HISTOGRAM_STRENGTHS = (1.0, 0.6, 0.2, 0.0)
"""Factors on the histogram bias by similarity level."""
TIME_SHIFT_STRENGTH = 2.0
"""Factor on the time-shift bias: the most frequent drift is to play everything at once."""
NOTE_COUNT_PRIOR = 3.0
"""Notes added to the planned and to the generated count."""
NOTE_COUNT_STRENGTH = 3.0
"""Factor on the log of planned over generated notes."""
SOURCE_BONUS = (0.0, 1.5, 3.5, 8.0)
"""Added to the source's class in a new, a varied, a nearly same and a same bar. Without it varied bars of songs were
half as similar to their source as those of real pieces: one deviation leads to the next."""
CHORD_BIAS = (
    ((0.1, 0.05, -0.1), (0.2, 0.1, -0.15), (0.5, 0.1, -0.3)),
    ((0.1, 0.1, -0.1), (0.2, 0.2, -0.3), (0.35, 0.35, -0.45)),
)
"""Added to the logits of the chord's root, its other tones and all other pitches, by role and metrical strength."""
MISSING_TONE_BIAS = 0.6
"""Added, times the strength above 1, to tones of the chord that only a bass or no part has played in its slot."""
