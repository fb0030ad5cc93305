"""Compiled modules are used only where they were made from the very sources that lie beside them.

Python imports a compiled module before its source, so that a change to the source would go unheard. Where one of them
has changed since, or ``RIFFBIRD_COMPILED`` is 0, all are imported from their sources: they know one another's insides.
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
NOTE = Path(__file__).with_suffix(".json")
"""What the compiled modules were made from: source, below ``ROOT``, → SHA-256. Written when they are built."""


def noted_sources() -> dict[str, str]:
    """What ``NOTE`` says; nothing where nothing was compiled."""
    return dict(json.loads(NOTE.read_text())) if NOTE.exists() else {}


def changed_sources(noted: Mapping[str, str], root: Path = ROOT) -> list[str]:
    """The ``noted`` sources that are not what they were, or not there any more."""
    return [name for name, before in noted.items() if _digest(root / name) != before]


def _digest(source: Path) -> str | None:
    return hashlib.sha256(source.read_bytes()).hexdigest() if source.exists() else None


class SourcesFirst:
    """A meta path finder: imports some modules from their sources, whatever lies beside them."""

    def __init__(self, sources: Mapping[str, Path]) -> None:
        """``sources``: module → its source."""
        self._sources = sources

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  the protocol's
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Where ``fullname`` is, if it is one of them."""
        source = self._sources.get(fullname)
        return spec_from_file_location(fullname, source) if source else None


def use_sources_where_changed() -> None:
    """Call before the first of the compiled modules is imported."""
    noted = noted_sources()
    if noted and (os.environ.get("RIFFBIRD_COMPILED") == "0" or changed_sources(noted)):
        modules = {name.removesuffix(".py").replace("/", "."): ROOT / name for name in noted}
        sys.meta_path.insert(0, SourcesFirst(modules))


def is_compiled() -> bool:
    """Whether composing runs compiled."""
    from midi_data.events import incremental_features

    return not str(incremental_features.__file__).endswith(".py")
