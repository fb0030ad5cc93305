"""What can be wrong with an evaluation. One line: the rule and the offending value."""

from __future__ import annotations

from training.errors import TrainingError


class EvaluationError(TrainingError):
    """For whoever asked for the evaluation: it cannot be made of what is there."""
