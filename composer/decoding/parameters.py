"""The hand-set numbers between the network and the notes: all of them, 24 at most (a test counts them).

Everything else that decides about a note is learned, drawn by the plan, calibrated by genre in the checkpoint's header
(temperature, motif bonus), or a rule without a number. ``docs/model.md`` says what each is worth.
"""

from __future__ import annotations

# -- sampling, at randomness 0 and 1 -----------------------------------------------------------------------------------

TEMPERATURE = (0.9, 1.1)
"""Factor on the genre's temperature."""
MIN_P = 0.04
"""Least probability of a class, as a share of the likeliest one's, at randomness 0; none at 1."""
EXPRESSION_MIN_P = 0.1
"""The same for exact velocities and lengths, at any randomness: real parts use few of them."""
TAU = (0.4, 1.2)
"""Noise of embedding sampling, in distances to the nearest neighbour."""

# -- logit biases ------------------------------------------------------------------------------------------------------

NOTE_COUNT_PRIOR = 3.0
"""Notes added to the planned and to the generated count."""
NOTE_COUNT_STRENGTH = 3.0
"""Factor on the log of planned over generated notes."""
SOURCE_BONUS = (1.5, 3.5)
"""Added to the source's class in a varied and a nearly same bar: one deviation leads to the next."""
PITCH_DROPOUT = (0.5, 0.1)
"""Probability that a part's lookback pitches are dropped in a new and in a varied bar: songs would repeat too much."""
CHORD_BIAS = 0.25
"""Added to tones of the planned chord, times 1 plus the metrical strength (0 … 2)."""
ASKED_CHORD_STRENGTH = 8.0
"""Factor on ``CHORD_BIAS`` where a person asked for the chords."""
MISSING_TONE_BIAS = 4.2
"""Added to tones of an asked chord that only a bass or no part has played in its slot."""
SEVENTH_TICKS = 36
"""A seventh counts as played once it sounds this long: a shorter one is heard as passing."""

# -- rules -------------------------------------------------------------------------------------------------------------

PASSING_TICKS = 12
"""Longest note outside an asked chord: an eighth."""
EARLY_TICKS = 3
"""A note that begins at most this long before a slot belongs to it: hands are a little early."""
JUST_STRUCK_TICKS = 3
"""A pitch struck less than 3 ticks ago is not struck again, and still occupies a voice."""
QUIETEST_CLASS = 1
"""Velocity class 0 is not audible in a band."""
RANGE_MARGIN = 3
"""Semitones that pitched parts may exceed the range of a decoded style by."""
GRID_PROBABILITY = 0.5
"""Ticks of the quarter that a style uses at least as probably are allowed."""
