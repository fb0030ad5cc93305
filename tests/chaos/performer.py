"""Makes the songs of the chaos test: the stand-in of the bot's tests, on a disk that may be full."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from composer.request import ComposeRequest
from composer.result import Rendition
from tests.bot.fakes.videos import performer


def perform(request: ComposeRequest, folder: Path, formats: list[str], **options: Any) -> Rendition:
    """A tiny song. Raises ``OSError`` while the flag file of the full disk exists."""
    rendition = performer(request, folder, formats, **options)
    if Path(os.environ["CHAOS_DISK"]).exists():
        raise OSError(errno.ENOSPC, "No space left on device")
    return rendition
