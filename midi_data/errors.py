"""Errors about files and corpora. Each text is one line: the rule and the offending value."""

from __future__ import annotations


class MidiDataError(Exception):
    """Base of the package's errors."""


class BadMidiError(MidiDataError):
    """A file is no usable MIDI. ``reason`` is one of ``REASONS``, for counting."""

    REASONS = (
        "unreadable",
        "not MIDI",
        "truncated",
        "damaged",
        "type 2",
        "no ticks",
        "SMPTE time",
        "no notes",
        "too long",
        "too large",
        "too many notes",
        "too many tracks",
        "too many events",
        "too many tempos",
        "beats not aligned",
        "fewer than 16 notes",
    )

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class CorpusError(MidiDataError):
    """A folder or archive cannot be used as a corpus."""


class MissingLibraryError(MidiDataError):
    """A format needs a library that is not installed. The text says how to install it."""
