"""Matrix through matrix-nio: rooms and private conversations on any homeserver, answered with ``m.audio``.

Sending is idempotent by its transaction id. Encrypted rooms are not read: that needs a native library and stored keys.
Events are read as JSON and not through nio, whose parser may refuse a whole sync because of one malformed event.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from nio import AsyncClient

from bot.networks.json_values import mapping, objects
from bot.networks.matrix.address import Address
from bot.networks.matrix.calls import Caller
from bot.networks.matrix.reading import RoomEvent, song_content, text, text_content, wait_content
from bot.networks.matrix.rooms import Rooms
from bot.networks.protocol import (
    Answer,
    Attachment,
    Batch,
    CredentialsError,
    ForbiddenError,
    MediaRules,
    Mention,
    NetworkError,
    NetworkLimits,
    TryLaterError,
    UploadRefusedError,
    read_each,
)
from bot.networks.retry import Clock
from bot.settings import BotSettings

NAMES = ("matrix_homeserver", "matrix_user_id", "matrix_access_token")
PAGE = 100
MAX_PAGES = 10
USUAL_UPLOAD_BYTES = 10 * 1024 * 1024
JOIN_PAUSE_SECONDS = 600.0

logger = logging.getLogger(__name__)


class MatrixNetwork:
    """The bot's account on one homeserver."""

    name = "matrix"
    limits = NetworkLimits(
        text_length=2000, message_length=2000, alt_text_length=1500, mentions_pause_seconds=1.0, sends_position=True
    )
    media = MediaRules(formats=("ogg", "mp3"), most_bytes=USUAL_UPLOAD_BYTES, longest_seconds=600.0)

    def __init__(self, settings: BotSettings, clock: Clock) -> None:
        if missing := settings.missing(*NAMES):
            raise CredentialsError(f"Matrix needs {', '.join(missing)}, see docs/bots.md")
        self.settings = settings
        self.clock = clock
        self.caller = Caller(settings)
        self.account_name = settings.matrix_user_id
        self.address = Address(self.account_name)
        self.room_facts = Rooms(self._get, clock)
        self._join_again_at: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<MatrixNetwork {self.account_name}>"

    def open(self) -> str:
        """As ``Network.open``."""
        me = self.caller.ask(lambda client: client.whoami())
        if me.user_id != self.account_name:
            raise CredentialsError(f"RIFFBIRD_MATRIX_ACCESS_TOKEN belongs to {me.user_id}, not to {self.account_name}")
        self.caller.client().device_id = me.device_id
        rules = self.caller.ask(lambda client: client.content_repository_config())
        most = int(rules.upload_size or USUAL_UPLOAD_BYTES)
        self.media = MediaRules(self.media.formats, most, self.media.longest_seconds)
        self.address = Address(self.account_name, self._display_name())
        return self.account_name

    def _display_name(self) -> str:
        try:
            return text(mapping(self._get(f"profile/{self.account_name}/displayname", {})).get("displayname"))
        except ForbiddenError:  # an account without a profile
            return ""

    def rooms(self) -> int:
        """Number of rooms the account is in."""
        return len(self.caller.ask(lambda client: client.joined_rooms()).rooms)

    def _get(self, path: str, query: dict[str, str]) -> Any:
        return self.caller.get_json(f"/_matrix/client/v3/{quote(path, safe='/')}?{urlencode(query)}")

    # ------------------------------------------------------------------ reading

    def mentions(self, cursor: str | None, since: float = 0.0) -> Batch:  # noqa: ARG002  a sync knows no time
        """As ``Network.mentions``. The cursor is the sync token; private rooms are part of the sync."""
        window = {"since": cursor} if cursor else {}
        news = mapping(self._get("sync", {"timeout": "0", "set_presence": "online", **window}))
        token = news.get("next_batch")
        if not isinstance(token, str):
            raise TryLaterError("the homeserver's sync has no next_batch")
        rooms = mapping(news.get("rooms"))
        self._join(list(mapping(rooms.get("invite"))))
        sources: list[dict[str, Any]] = []
        for room, news_of_room in mapping(rooms.get("join")).items():
            sources += self._sources(room, mapping(news_of_room), cursor)
        mentions, unreadable = read_each(sources, self.read_item)
        deleted = tuple(filter(None, (self._event(source).redacts for source in sources)))
        return Batch(mentions, token, unreadable, deleted)

    def _join(self, rooms: list[str]) -> None:
        """Accept invitations, each alone: one that cannot be accepted is tried again later."""
        for room in rooms if self.settings.matrix_join_invitations else []:
            if self._join_again_at.get(room, 0.0) > self.clock.now():
                continue
            try:
                self.caller.ask(lambda client, room=room: client.join(room))  # type: ignore[misc]
            except CredentialsError:
                raise
            except NetworkError as error:
                self._join_again_at[room] = self.clock.now() + JOIN_PAUSE_SECONDS
                logger.warning("an invitation cannot be accepted: %s", error)

    def _sources(self, room: str, news: dict[str, Any], cursor: str | None) -> list[dict[str, Any]]:
        """The events of one room as `read_item` takes them, the oldest first."""
        timeline = mapping(news.get("timeline"))
        events = objects(timeline.get("events"))
        if timeline.get("limited") is True and cursor:
            events = self._missed(room, text(timeline.get("prev_batch")), cursor) + events
        self.room_facts.learn(room, objects(mapping(news.get("state")).get("events")) + events)
        return [{"room": room, "event": event} for event in events]

    def _missed(self, room: str, begin: str, end: str) -> list[dict[str, Any]]:
        """What a limited sync left out, the oldest first."""
        found: list[dict[str, Any]] = []
        for _ in range(MAX_PAGES):
            try:
                page = self._messages(room, {"from": begin, "to": end})
            except ForbiddenError as error:
                logger.warning("a room's history is not read: %s", error)
                break
            events = objects(page.get("chunk"))
            found += events
            begin = text(page.get("end"))
            if not begin or not events:
                break
        return found[::-1]

    def _messages(self, room: str, window: dict[str, str]) -> dict[str, Any]:
        """One page of a room's events, the youngest first."""
        query = {"dir": "b", "limit": str(PAGE)} | {name: value for name, value in window.items() if value}
        return mapping(self._get(f"rooms/{room}/messages", query))

    def _event(self, source: dict[str, Any]) -> RoomEvent:
        return RoomEvent(source["event"], self.address)

    def read_item(self, source: dict[str, Any]) -> Mention | None:
        """As ``Network.read_item``."""
        room, event = str(source["room"]), self._event(source)
        if not event.is_text:
            return None
        facts = self.room_facts.facts(room)
        if not facts.is_private and not event.mentions_bot:
            return None
        return event.as_mention(room, is_private=facts.is_private, is_public=facts.is_public)

    def messages(self, cursor: str | None, since: float = 0.0) -> Batch:  # noqa: ARG002
        """None: private rooms are part of the sync."""
        return Batch((), cursor)

    # ------------------------------------------------------------------ answering

    def reply(self, mention: Mention, answer: Answer, before_posting: Callable[[], None]) -> str:
        """As ``Network.reply``."""
        content = text_content(mention, answer.text)
        if answer.attachment is not None:
            content = song_content(mention, answer, self._upload(answer.attachment), answer.attachment.mime_type)
        before_posting()
        room, transaction = mention.conversation, hashlib.sha256(answer.key.encode()).hexdigest()
        sent = self.caller.ask(
            lambda client: client.room_send(room, "m.room.message", content, tx_id=transaction), visible=True
        )
        return str(sent.event_id)

    def _upload(self, attachment: Attachment) -> str:
        async def send(client: AsyncClient) -> Any:
            with attachment.path.open("rb") as file:
                answer, _ = await client.upload(
                    file, attachment.mime_type, attachment.path.name, filesize=attachment.path.stat().st_size
                )
            return answer

        try:
            return str(self.caller.ask(send).content_uri)
        except ForbiddenError as error:
            raise UploadRefusedError(str(error)) from None

    def tell(self, mention: Mention, text: str) -> None:
        """As ``Network.tell``."""
        room, transaction = mention.conversation, hashlib.sha256(f"wait {mention.interaction}".encode()).hexdigest()
        content = wait_content(mention, text)
        self.caller.ask(lambda client: client.room_send(room, "m.room.message", content, tx_id=transaction))

    def find_reply(self, mention: Mention, answer: Answer) -> str | None:  # noqa: ARG002  the relation is enough here
        """As ``Network.find_reply``: through the room's messages back to the mention."""
        begin = ""
        for _ in range(MAX_PAGES):
            page = self._messages(mention.conversation, {"from": begin})
            events = objects(page.get("chunk"))
            for source in events:
                event = RoomEvent(source, self.address)
                is_ours = source.get("sender") == self.account_name
                if is_ours and event.attached_to in (mention.id, mention.interaction):
                    return text(source.get("event_id")) or None
            begin = text(page.get("end"))
            if not begin or any(source.get("event_id") == mention.interaction for source in events):
                break
        return None

    def delete_reply(self, mention: Mention, reply_id: str) -> None:
        """As ``Network.delete_reply``."""
        self.caller.ask(lambda client: client.room_redact(mention.conversation, reply_id, "the question was deleted"))

    def listen(self, wake: Callable[[], None]) -> None:
        """Does nothing: a sync each second is cheap for a homeserver."""

    def is_over(self) -> bool:
        """As ``Network.is_over``."""
        return False

    def close(self) -> None:
        """As ``Network.close``."""
        self.caller.close()
