"""Modulators of a SoundFont: generators that follow a note's velocity or key.

SoundFont Technical Specification 2.04, sections 8.2 and 9.5; curves as FluidSynth computes them. Songs move no
controller, so modulators of controllers are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ATTENUATION = 48
"""The generator of a recording's attenuation, in 0.1 dB."""
_VELOCITY_TO_ATTENUATION = 0x0502

ModulatorKey = tuple[int, int, int, int]
"""Source, destination, source of the amount, transform: modulators with the same key replace each other."""
DEFAULTS: dict[ModulatorKey, int] = {(_VELOCITY_TO_ATTENUATION, ATTENUATION, 0, 0): 960}
"""Modulator → amount. FluidSynth applies no other default of the specification to velocity or key."""

_CONTROLLER_FLAG, _NEGATIVE_FLAG, _BIPOLAR_FLAG, _LINK_FLAG, _INDEX = 0x80, 0x100, 0x200, 0x8000, 0x7F
_CONSTANT, _VELOCITY, _KEY = 0, 2, 3
_ABSOLUTE = 2
_CURVE_RANGE = 400 / 960


@dataclass(frozen=True, slots=True)
class Modulator:
    """Adds ``amount`` times its two sources to a generator. Sources are encoded as in section 8.2.1."""

    source: int
    destination: int
    amount: int
    amount_source: int
    transform: int

    @property
    def follows_key(self) -> bool:
        """Whether it depends on the note's key."""
        return _KEY in (self.source & _INDEX, self.amount_source & _INDEX)

    def value(self, key: int, velocity: int) -> float:
        """Return what is added to the generator for a note, in the generator's unit."""
        value = self.amount * _output(self.source, key, velocity) * _output(self.amount_source, key, velocity)
        return abs(value) if self.transform == _ABSOLUTE else value


def modulators(amounts: Mapping[ModulatorKey, int]) -> tuple[Modulator, ...]:
    """Return the modulators with an amount that depend on nothing but velocity and key."""
    return tuple(
        Modulator(source, destination, amount, amount_source, transform)
        for (source, destination, amount_source, transform), amount in amounts.items()
        if amount and not destination & _LINK_FLAG and _is_of_note(source) and _is_of_note(amount_source)
    )


def sum_of(instrument: Mapping[ModulatorKey, int], preset: Mapping[ModulatorKey, int]) -> dict[ModulatorKey, int]:
    """Return the amounts of an instrument with those that its preset adds."""
    return {**instrument, **{key: instrument.get(key, 0) + amount for key, amount in preset.items()}}


def total(found: Iterable[Modulator], key: int, velocity: int) -> float:
    """Return the sum of the values of ``found`` for a note."""
    return sum(each.value(key, velocity) for each in found)


def _is_of_note(source: int) -> bool:
    return not source & _CONTROLLER_FLAG and source & _INDEX in (_CONSTANT, _VELOCITY, _KEY)


def _output(source: int, key: int, velocity: int) -> float:
    """Return a source's value, −1 … 1; 1 for no source."""
    index = source & _INDEX
    if index == _CONSTANT:
        return 1.0
    share = (velocity if index == _VELOCITY else key) / 127
    if source & _NEGATIVE_FLAG:
        share = 1 - share
    curve = source >> 10
    if source & _BIPOLAR_FLAG:
        return math.copysign(_curve(curve, abs(2 * share - 1)), 2 * share - 1)
    return _curve(curve, share)


def _curve(kind: int, share: float) -> float:
    """Return a curve at ``share``, both 0–1: linear, concave, convex or a switch."""
    if kind == 1:
        return min(-_CURVE_RANGE * math.log10(1 - share), 1.0) if share < 1 else 1.0
    if kind == 2:
        return max(1 + _CURVE_RANGE * math.log10(share), 0.0) if share > 0 else 0.0
    if kind == 3:
        return float(share >= 0.5)
    return share
