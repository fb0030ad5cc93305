"""Which soundfont plays: the one that RIFFBIRD_SOUNDFONT names, an installed better one, or the wheel's."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from composer.audio.sampler.soundfont import SoundFont, load
from composer.errors import RefusedError, RenderError

SOUNDFONT_VARIABLE = "RIFFBIRD_SOUNDFONT"
"""Environment variable that names a ``.sf2`` or ``.sf3`` file."""

FONT_NAMES = (
    "MuseScore_General.sf3",
    "MuseScore_General_Lite.sf3",
    "MuseScore_General.sf2",
    "FluidR3_GM.sf2",
    "FluidR3_GM.sf3",
    "FluidR3Mono_GM.sf3",
)
"""Fonts that play instead of the wheel's where they are installed, the preferred one first."""
FONT_FOLDERS = (
    "~/.local/share/soundfonts",
    "/usr/local/share/soundfonts",
    "/usr/share/sounds/sf3",  # Debian, Ubuntu
    "/usr/share/sounds/sf2",
    "/usr/share/soundfonts",  # Arch, Fedora, openSUSE
    "/opt/homebrew/share/soundfonts",  # macOS
    "~/Library/Audio/Sounds/Banks",
)
ADVICE = (
    "Better drums, guitars and strings: apt-get install musescore-general-soundfont-small (Debian, Ubuntu), "
    f"or set {SOUNDFONT_VARIABLE} to a General MIDI .sf2 or .sf3 file."
)


@dataclass(frozen=True, slots=True)
class FontChoice:
    """The soundfont that plays and why: ``named`` by the variable, ``installed``, or ``bundled`` with the wheel."""

    path: Path
    reason: str


def chosen_font() -> FontChoice:
    """Return the soundfont to play.

    Raises `RefusedError` if the variable names no file, `RenderError` if there is no soundfont at all.
    """
    if named := os.environ.get(SOUNDFONT_VARIABLE):
        if not Path(named).is_file():
            raise RefusedError(f"{SOUNDFONT_VARIABLE} names a soundfont file, and there is none at {named}")
        return FontChoice(Path(named), "named")
    if installed := installed_font():
        return FontChoice(installed, "installed")
    return FontChoice(bundled_font(), "bundled")


def installed_font() -> Path | None:
    """Return the first of ``FONT_NAMES`` found in ``FONT_FOLDERS``, or None."""
    folders = [Path(folder).expanduser() for folder in FONT_FOLDERS]
    return next((path for name in FONT_NAMES for folder in folders if (path := folder / name).is_file()), None)


def bundled_font() -> Path:
    """Return the General MIDI font inside the pretty_midi wheel. Raises `RenderError` if it is missing."""
    # The package is located, not imported: importing it takes half a second.
    spec = find_spec("pretty_midi")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (font := Path(folder) / "TimGM6mb.sf2").is_file():
            return font
    raise RenderError(f"no soundfont: pretty_midi is not installed whole, and {SOUNDFONT_VARIABLE} is not set")


def soundfont() -> SoundFont:
    """Return the chosen soundfont, loaded once a process."""
    path = chosen_font().path
    return load(path, path.stat().st_mtime_ns)
