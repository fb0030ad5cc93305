"""Errors of the package, by audience: the person who asks, the owner of a checkpoint, the operator."""

from __future__ import annotations


class ComposerError(Exception):
    """Base class. The text is one line: the rule and the offending value."""


class RefusedError(ComposerError):
    """The request cannot be met as it stands; repeating it unchanged fails again."""


class CheckpointError(RefusedError):
    """The checkpoint file is damaged, of another format, or made for another event encoding."""


class RenderError(ComposerError):
    """Rendering failed through no fault of the request."""
