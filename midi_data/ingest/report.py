"""Report of a preparation: which files were used, repaired or left out, and why. ``report.json`` and one line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPORT_NAME = "report.json"


@dataclass(slots=True)
class Report:
    """Collects the outcome of each file."""

    source: str
    used: int = 0
    left_out: list[dict[str, str]] = field(default_factory=list)
    done: list[dict[str, Any]] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")

    def leave_out(self, name: str, reason: str, detail: str) -> None:
        """Count ``name`` as left out."""
        self.left_out.append({"name": name, "reason": reason, "detail": " ".join(detail.split())})

    def use(self, name: str, notices: tuple[tuple[str, str], ...]) -> None:
        """Count ``name`` as used; ``notices`` are (kind, text) of its repairs."""
        self.used += 1
        if notices:
            kinds, texts = [kind for kind, _ in notices], [text for _, text in notices]
            self.done.append({"name": name, "kinds": kinds, "done": texts})

    def took(self, name: str, seconds: float) -> None:
        """Record the processor seconds that ``name`` took."""
        self.slowest = max(self.slowest, (round(seconds, 3), name))

    @property
    def reasons(self) -> dict[str, int]:
        """Files left out by reason, in order of appearance."""
        return dict(Counter(each["reason"] for each in self.left_out))

    @property
    def cleaned(self) -> dict[str, int]:
        """Files changed by each kind of cleaning."""
        return dict(Counter(kind for each in self.done for kind in each["kinds"]))

    def write(self, folder: Path) -> None:
        """Write ``report.json`` into ``folder``."""
        facts = {
            "source": self.source,
            "used": self.used,
            "left_out": len(self.left_out),
            "reasons": self.reasons,
            "cleaned": self.cleaned,
            "slowest": {"name": self.slowest[1], "cpu_seconds": self.slowest[0]},
            "files_left_out": self.left_out,
            "files_cleaned": self.done,
        }
        (folder / REPORT_NAME).write_text(json.dumps(facts, indent=1, ensure_ascii=False), encoding="utf-8")


def outcome(card: Mapping[str, Any]) -> str:
    """Return ``12 files used, 3 left out: 2 duplicate, 1 not MIDI`` from a shard's card."""
    skipped: dict[str, int] = card["skipped"]
    counts = sorted(skipped.items(), key=lambda item: (-item[1], item[0]))
    reasons = ", ".join(f"{count} {reason}" for reason, count in counts)
    return f"{card['pieces']} files used, {sum(skipped.values())} left out" + (f": {reasons}" if reasons else "")


def cleaning(card: Mapping[str, Any]) -> str:
    """``cleaned: 4 bar 1 found, 1 no meter`` from a shard's card, ``""`` if nothing was cleaned."""
    counts = sorted(card.get("cleaned", {}).items(), key=lambda item: (-item[1], item[0]))
    return "cleaned: " + ", ".join(f"{count} {kind}" for kind, count in counts) if counts else ""
