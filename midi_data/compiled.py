"""Uses compiled modules only if they were built from the sources beside them.

Python prefers a compiled module to its source, so that an edited source would be ignored. If any of the recorded
sources has changed, or ``RIFFBIRD_COMPILED`` is 0, all of them are imported as sources: compiled modules depend on one
another's layout.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parent.parent
RECORD = Path(__file__).with_suffix(".json")
"""Compiled sources (relative to ``ROOT``) and their SHA-256, written by ``setup.py``."""


def recorded_sources() -> dict[str, str]:
    """The contents of ``RECORD``; empty if nothing was compiled."""
    return dict(json.loads(RECORD.read_text())) if RECORD.exists() else {}


def changed_sources(recorded: Mapping[str, str], root: Path = ROOT) -> list[str]:
    """The recorded sources that have changed or are missing."""
    return [name for name, digest in recorded.items() if _digest(root / name) != digest]


def _digest(source: Path) -> str | None:
    return hashlib.sha256(source.read_bytes()).hexdigest() if source.exists() else None


class SourceFinder:
    """A meta path finder that imports some modules from their sources."""

    def __init__(self, sources: Mapping[str, Path]) -> None:
        """``sources``: module name → path."""
        self._sources = sources

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  part of the protocol
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """The spec of ``fullname`` if it is one of the modules."""
        source = self._sources.get(fullname)
        return spec_from_file_location(fullname, source) if source else None


def use_sources_if_changed() -> None:
    """Install a ``SourceFinder`` if needed; call before the first compiled module is imported."""
    recorded = recorded_sources()
    if recorded and (os.environ.get("RIFFBIRD_COMPILED") == "0" or changed_sources(recorded)):
        modules = {name.removesuffix(".py").replace("/", "."): ROOT / name for name in recorded}
        sys.meta_path.insert(0, SourceFinder(modules))


def is_compiled() -> bool:
    """Whether the decoding loop runs compiled."""
    from midi_data.events import incremental_features

    return not str(incremental_features.__file__).endswith(".py")
