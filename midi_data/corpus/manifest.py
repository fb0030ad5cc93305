"""What is known of a corpus' files before they are opened: ``manifest.csv``, or what names and folders tell."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

VALID_PER_MILLE = 100
"""Share of a corpus without a manifest that is held out for validation."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file's facts. ``style`` names the source within the genre: unlike sources get their own condition."""

    genre: str
    style: str
    split: str
    work: str
    title: str
    licence: str


def read_manifest(path: Path) -> dict[str, Entry]:
    """Entries by file name inside the archives; empty when there is no manifest."""
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as handle:
        return {
            row["path"]: Entry(
                row["genre"], style_of(row["path"]), row["split"], row["work"], row["title"], row["licence"]
            )
            for row in csv.DictReader(handle)
        }


def style_of(name: str) -> str:
    """The folder that holds a file: ``blues/wjd/x.mid`` → ``wjd``; ``""`` at top level."""
    return PurePosixPath(name).parent.name


def default_entry(name: str, genre: str, licence: str) -> Entry:
    """An entry for a file that no manifest names; the split follows from the name alone, so it never moves."""
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 1000
    split = "valid" if digest < VALID_PER_MILLE else "train"
    return Entry(genre, "", split, name, PurePosixPath(name).stem, licence)
