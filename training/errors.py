"""What can be wrong with a training. One line each: the rule and the offending value."""

from __future__ import annotations


class TrainingError(Exception):
    """For whoever started the training: it cannot run as asked."""


class RecipeError(TrainingError):
    """For whoever wrote the recipe: a value is missing or out of range."""
