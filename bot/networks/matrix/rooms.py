"""Who can read a Matrix room: asked of the homeserver, kept for a minute, and forgotten when the room changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.networks.json_values import mapping
from bot.networks.protocol import ForbiddenError
from bot.networks.retry import Clock

KEPT_SECONDS = 60.0
_CHANGES = {"m.room.member", "m.room.join_rules", "m.room.history_visibility"}


@dataclass(frozen=True, slots=True)
class RoomFacts:
    """``is_private``: at most two members. ``is_public``: everybody may join."""

    is_private: bool
    is_public: bool
    known_at: float


@dataclass
class Rooms:
    """Facts of rooms by id. ``get_json`` asks the homeserver for a path."""

    get_json: Callable[[str, dict[str, str]], Any]
    clock: Clock
    _facts: dict[str, RoomFacts] = field(default_factory=dict)

    def facts(self, room: str) -> RoomFacts:
        """The facts of ``room``. A room that does not say that it is public is not."""
        known = self._facts.get(room)
        if known is None or self.clock.now() - known.known_at > KEPT_SECONDS:
            known = self._facts[room] = self._asked(room)
        return known

    def learn(self, room: str, events: list[dict[str, Any]]) -> None:
        """Forget what is known of ``room`` if one of ``events`` changes who can read it."""
        if any(event.get("type") in _CHANGES for event in events if isinstance(event.get("type"), str)):
            self._facts.pop(room, None)

    def _asked(self, room: str) -> RoomFacts:
        members = self._get(f"rooms/{room}/joined_members").get("joined")
        rule = self._get(f"rooms/{room}/state/m.room.join_rules").get("join_rule")
        is_private = isinstance(members, dict) and len(members) <= 2
        return RoomFacts(is_private, is_public=rule == "public", known_at=self.clock.now())

    def _get(self, path: str) -> dict[str, Any]:
        try:
            return mapping(self.get_json(path, {}))
        except ForbiddenError:  # not in the room any more, or a room without this state
            return {}
