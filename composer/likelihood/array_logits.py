"""Logits of a whole field as arrays, for scoring given notes; composing reads them song by song.

Shape letters: B batch, K lookback classes, V vocabulary, W head width.
"""

from __future__ import annotations

import numpy as np

from composer.model.arithmetic.fixed_point import Doubles, Floats
from composer.model.config import CHORD_ROLES, LOOKBACK_FIELDS, chord_role
from composer.model.heads import Heads
from midi_data.chords import QUALITIES
from midi_data.events.encoding import VOCABULARY, Ints


def field_logits(
    heads: Heads, field: str, inner: Floats, chosen: Ints, position: Ints | None, lookback: Ints,
    activity: Ints | None = None, chord: Ints | None = None,
) -> Doubles:  # fmt: skip
    """(B, V) logits of ``field``.

    ``inner`` (B, 5, W) from ``Engine.step``. ``chosen`` (B, n): the fields before. ``position`` (B, 1) after the time
    shift; ``None`` for the time shift itself. ``lookback`` (B, K or L) classes. ``activity`` (B, V) bins of the
    bar, for parts only; without it no bonus is added. ``chord`` (B, 2), for a note's fields: the chord's condition
    class and the metrical strength; unconditioned if left out.
    """
    known = [chosen] if position is None else [chosen, position]
    if field in LOOKBACK_FIELDS["note"]:
        chord = np.zeros((len(chosen), 2), dtype=np.int64) if chord is None else chord
        known.append(chord[:, :1])
    out = heads.layers[field](heads.hidden(field, inner, np.concatenate([*known, lookback], axis=-1)))
    count = VOCABULARY[field]
    end = count + lookback.shape[-1]
    logits, bonus = _with_lookback(out[:, :count], out[:, count:end], lookback), out[:, end:]
    if field == "pitch" and chord is not None:
        logits[:, :128] += chord_logits(bonus, heads.chord_bonus, chord, chosen[:, 1])
    return logits if activity is None else logits + np.take_along_axis(bonus, activity, axis=-1)


def _with_lookback(logits: Doubles, bonus: Doubles, lookback: Ints) -> Doubles:
    """(B, V) ``logits`` with each lookback's ``bonus`` (B, K) added to its class; class V adds nothing."""
    wide = np.pad(logits, ((0, 0), (0, 1)))
    np.add.at(wide, (np.arange(len(wide))[:, None], lookback), bonus)
    return wide[:, :-1]


def chord_logits(intervals: Doubles, bonus: Doubles, chord: Ints, part: Ints) -> Doubles:
    """(B, 128) logits of the pitches by interval above the chord's root; 0 for drums and without a chord.

    ``intervals`` (B, 12) from the head, ``bonus`` (roles, qualities, strengths, 12), ``chord`` (B, 2), ``part`` (B,).
    """
    kind, role = chord[:, 0] - 2, np.array([chord_role(each) for each in part.tolist()])
    found = (kind >= 0) & (role < CHORD_ROLES)
    root, quality = np.maximum(kind, 0) // len(QUALITIES), np.maximum(kind, 0) % len(QUALITIES)
    by_interval = (intervals + bonus[np.minimum(role, 1), quality, chord[:, 1]]) * found[:, None]
    above = (np.arange(128) - root[:, None]) % 12
    result: Doubles = np.take_along_axis(by_interval, above, axis=1)
    return result
