"""Errors of trainings. Each message is one line: the rule and the offending value."""

from __future__ import annotations


class TrainingError(Exception):
    """A training cannot run as requested."""


class ConfigError(TrainingError):
    """A value of a recipe file is missing or out of range."""
