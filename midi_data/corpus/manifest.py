"""Facts of a corpus' files before they are opened: from ``manifest.csv``, or from names and folders."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

VALID_PER_MILLE = 100
"""Files per thousand that are held out for validation where no manifest decides."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file's facts. ``style``: the source within the genre, a condition of the network."""

    genre: str
    style: str
    split: str
    work: str
    title: str
    licence: str


def read_manifest(path: Path) -> dict[str, Entry]:
    """Return the entries by file name inside the archives; empty without a manifest."""
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
    """Return the folder of a file: ``blues/wjd/x.mid`` → ``wjd``, ``""`` at top level."""
    return PurePosixPath(name).parent.name


def default_entry(name: str, genre: str, licence: str) -> Entry:
    """Return the entry of a file that no manifest names. Its split is a hash of the name, so it never changes."""
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") % 1000
    split = "valid" if digest < VALID_PER_MILLE else "train"
    return Entry(genre, "", split, name, PurePosixPath(name).stem, licence)
