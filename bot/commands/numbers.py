"""Decimal numbers as people write them (``.2``, ``0,2``, ``-1``), read and written without exponents."""

from __future__ import annotations

import math
from decimal import Decimal

NUMBER = r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)"
"""Pattern of a decimal number with a point or a comma, in ASCII digits."""


def read_number(text: str) -> float:
    """The value of ``text``, which matches `NUMBER`. Numbers beyond a float's range give infinity."""
    return float(text.replace(",", "."))


def number_text(value: float) -> str:
    """``value`` with all its digits and no exponent; `read_number` returns exactly ``value``."""
    if not math.isfinite(value):
        return str(value)
    text = f"{Decimal(repr(value)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
