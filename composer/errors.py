"""Everything that can go wrong between a request and its files. Two audiences, two branches."""

from __future__ import annotations


class ComposerError(Exception):
    """Base of the package's errors. The text is one line: the rule and the offending value."""


class RefusedError(ComposerError):
    """For the person who asked: the request cannot be met as it stands, asking again alike will not help."""


class CheckpointError(RefusedError):
    """For whoever chose the checkpoint: the file is damaged, foreign, or made for another representation."""


class RenderError(ComposerError):
    """For the operator: rendering failed on our side."""
