"""What reading a file changed, ignored or lost, as lines for people and kinds for counting."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """One change. ``kind`` is a fixed word for counting, ``text`` one line, ``lost_notes`` the notes left out."""

    kind: str
    text: str
    lost_notes: int = 0

    def __str__(self) -> str:
        return self.text


def counted(count: int, thing: str) -> str:
    """``1 note``, ``3 notes``: ``thing`` takes a plural s."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
