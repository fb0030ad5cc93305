"""Errors of evaluations. Each message is one line: the rule and the offending value."""

from __future__ import annotations

from training.errors import TrainingError


class EvaluationError(TrainingError):
    """The corpus or the songs do not suffice for an evaluation."""
