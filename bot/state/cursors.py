"""How far each channel was read: in Redis, and in a file for the case that Redis loses its data.

A cursor from the file may be a little behind what was answered, so its first batch counts as in doubt.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

from bot.reply_store import ReplyStore
from midi_data.atomic import atomic_path

logger = logging.getLogger(__name__)


@dataclass
class Cursors:
    """The cursors of one network."""

    reply_store: ReplyStore
    path: Path
    _saved: dict[str, str] = field(default_factory=dict)

    def get(self, channel: str) -> tuple[str | None, bool]:
        """The cursor of ``channel``, and whether it is certain: False when Redis does not know it."""
        known = self.reply_store.cursor(channel)
        if known is not None:
            return known, True
        return self._from_file().get(channel), False

    def move(self, channel: str, cursor: str) -> None:
        """Keep the cursor. A file that cannot be written is logged: Redis still has it."""
        self.reply_store.move_cursor(channel, cursor)
        if self._saved.get(channel) == cursor:
            return
        self._saved = self._from_file() | self._saved | {channel: cursor}
        try:
            with atomic_path(self.path) as temporary:
                temporary.write_text(json.dumps(self._saved), encoding="utf-8")
        except OSError as error:
            logger.warning("%s cannot be written: %s", self.path, error.strerror)

    def _from_file(self) -> dict[str, str]:
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            return {str(channel): str(cursor) for channel, cursor in kept.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError) as error:
            logger.warning("%s cannot be read: %s", self.path, type(error).__name__)
            return {}
