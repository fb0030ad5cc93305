"""How people address the bot's account in a Matrix room.

``@riffbird``, ``@riffbird:server.example``, ``Riffbird: …`` and ``Riffbird, …`` address it, a pill as well.
``@riffbirdfan``, ``me@riffbird.example`` and ``@riffbird:elsewhere.example`` do not.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote

_NAME = r"A-Za-z0-9._=/+-"  # characters of a localpart
_LINK = re.compile(r"href\s*=\s*[\"']?(?:https?://matrix\.to/#/|matrix:u/)([^\"'\s>?]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """The account ``@localpart:server``, and its display name if it has one."""

    user_id: str
    display_name: str = ""

    @cached_property
    def _names(self) -> list[str]:
        localpart = self.user_id[1:].split(":", maxsplit=1)[0]
        return [re.escape(name) for name in dict.fromkeys([localpart, self.display_name.strip()]) if name]

    @cached_property
    def _server(self) -> str:
        return re.escape(self.user_id.partition(":")[2])

    @cached_property
    def _at(self) -> re.Pattern[str]:
        """``@name`` or ``@name:server`` with nothing of a longer name or a mail address around it."""
        names = "|".join(self._names)
        behind = rf"(?![{_NAME}]*[A-Za-z0-9_])(?![:@][A-Za-z0-9])"
        return re.compile(
            rf"(?<![\w@.+-])[@＠](?:(?:{names}):{self._server}(?![\w.-]*\w)|(?:{names}){behind})", re.IGNORECASE
        )

    @cached_property
    def _front(self) -> re.Pattern[str]:
        """``Name:`` or ``Name,`` at the beginning, as clients complete a name."""
        full = re.escape(self.user_id)
        return re.compile(rf"^\s*(?:{full}|[@＠]?(?:{'|'.join(self._names)}))\s*[:,](?=\s|$)", re.IGNORECASE)

    def is_named(self, body: str) -> bool:
        """Whether the plain text addresses the account."""
        return bool(self._front.match(body) or self._at.search(body))

    def is_linked(self, formatted_body: str) -> bool:
        """Whether the HTML has a pill of the account."""
        found = (unquote(html.unescape(target)) for target in _LINK.findall(formatted_body))
        return any(target in (self.user_id, self.user_id[1:]) for target in found)

    def without(self, body: str) -> str:
        """``body`` without the address, so that a title does not begin with it."""
        return self._at.sub(" ", self._front.sub("", body, count=1)).strip()
