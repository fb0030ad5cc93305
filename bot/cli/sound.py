"""``riffbird sound``: which soundfont plays, and how to get a better one."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.cli.console import print_json, print_result


def sound(as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Say which soundfont plays, and how to get a better one."""
    from composer.audio.sampler.fonts import ADVICE, SOUNDFONT_VARIABLE, chosen_font, soundfont

    font = chosen_font()
    kits = soundfont().kits
    advice = ADVICE if font.reason == "bundled" else ""
    if as_json:
        print_json({"soundfont": str(font.path), "reason": font.reason, "kits": kits, "advice": advice})
        return
    reasons = {
        "named": f"named by {SOUNDFONT_VARIABLE}",
        "installed": "installed on this machine",
        "bundled": "installed with Riffbird",
    }
    print_result(f"{font.path} ({reasons[font.reason]}, {len(kits)} drum kits)")
    if advice:
        print_result(advice)
