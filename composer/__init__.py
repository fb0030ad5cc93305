"""Composes songs: plan, network, decoding, sound and picture. Knows no queue, no HTTP and no network of people.

The public names are imported on first use, so that ``import composer`` stays light:

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from composer import ComposeRequest, compose
>>> request = ComposeRequest(title="Rainy street", genres={"jazz": 1.0}, length_seconds=10, seed=7)
>>> song = compose(request, Path(mkdtemp()), ["mid"])
>>> song.genre, song.seed, song.files["mid"].suffix
('jazz', 7, '.mid')
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from composer.errors import ComposerError, RefusedError
    from composer.pipeline import compose, compose_songs
    from composer.request import ComposeRequest, KeyRequest, PartRequest
    from composer.result import Rendition

__all__ = [
    "ComposeRequest",
    "ComposerError",
    "KeyRequest",
    "PartRequest",
    "RefusedError",
    "Rendition",
    "compose",
    "compose_songs",
]

_MODULES = {
    "ComposeRequest": "composer.request",
    "ComposerError": "composer.errors",
    "KeyRequest": "composer.request",
    "PartRequest": "composer.request",
    "RefusedError": "composer.errors",
    "Rendition": "composer.result",
    "compose": "composer.pipeline",
    "compose_songs": "composer.pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'composer' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
