"""Which soundfont plays: the one that RIFFBIRD_SOUNDFONT names, an installed one, or the wheel's."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from composer.audio.soundfont import SoundFont, load
from composer.errors import RefusedError, RenderError

SOUNDFONT_VARIABLE = "RIFFBIRD_SOUNDFONT"
"""Environment variable that names a ``.sf2`` or ``.sf3`` file."""


def soundfont_path() -> Path:
    """Return the soundfont to play. Raises `RefusedError` if the variable names no file."""
    if named := os.environ.get(SOUNDFONT_VARIABLE):
        if not Path(named).is_file():
            raise RefusedError(f"{SOUNDFONT_VARIABLE} names a soundfont file, and there is none at {named}")
        return Path(named)
    return bundled_font()


def bundled_font() -> Path:
    """Return the General MIDI font inside the pretty_midi wheel. Raises `RenderError` if it is missing."""
    # The package is located, not imported: importing it takes half a second.
    spec = find_spec("pretty_midi")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (font := Path(folder) / "TimGM6mb.sf2").is_file():
            return font
    raise RenderError("no soundfont: pretty_midi is not installed whole, and RIFFBIRD_SOUNDFONT is not set")


def soundfont() -> SoundFont:
    """Return the soundfont at `soundfont_path`, loaded once a process."""
    path = soundfont_path()
    return load(path, path.stat().st_mtime_ns)
