"""Matrix through matrix-nio: rooms and private conversations on any homeserver, answered with ``m.audio``.

Sending is idempotent by its transaction id. Encrypted rooms are not read: that needs a native library and kept keys.
nio is asynchronous; one event loop of our own runs each call to its end. Knows no queue and no wording.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from operator import methodcaller
from typing import Any

import aiohttp
from nio import AsyncClient, AsyncClientConfig, ErrorResponse

from bot.networks.matrix.reading import RoomEvent, song_content, text_content
from bot.networks.protocol import (
    Answer,
    Attachment,
    Batch,
    CredentialsError,
    ForbiddenError,
    InDoubtError,
    MediaRules,
    Mention,
    NetworkLimits,
    TryLaterError,
)
from bot.networks.retry import Clock
from bot.settings import BotSettings, plain

NAMES = ("matrix_homeserver", "matrix_user_id", "matrix_access_token")
PAGE = 100
MOST_PAGES = 10
USUAL_UPLOAD_BYTES = 10 * 1024 * 1024
FINAL = {"M_FORBIDDEN", "M_NOT_FOUND", "M_TOO_LARGE", "M_BAD_JSON", "M_INVALID_PARAM", "M_UNRECOGNIZED"}
BAD_TOKEN = {"M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_USER_DEACTIVATED"}


class MatrixNetwork:
    """The band's account on one homeserver."""

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
        self.runner = asyncio.Runner()
        self.client: AsyncClient | None = None
        self.account_name = settings.matrix_user_id
        self._members: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<MatrixNetwork {self.account_name}>"

    def open(self) -> str:
        """As ``Network.open``."""
        me = self._ask(lambda client: client.whoami())
        if me.user_id != self.settings.matrix_user_id:
            raise CredentialsError(f"RIFFBIRD_MATRIX_ACCESS_TOKEN belongs to {me.user_id}, not to {self.account_name}")
        self._client().device_id = me.device_id
        rules = self._ask(lambda client: client.content_repository_config())
        most = int(rules.upload_size or USUAL_UPLOAD_BYTES)
        self.media = MediaRules(self.media.formats, most, self.media.longest_seconds)
        return self.account_name

    def rooms(self) -> int:
        """How many rooms the account is in."""
        return len(self._ask(lambda client: client.joined_rooms()).rooms)

    # ------------------------------------------------------------------ reading

    def mentions(self, cursor: str | None) -> Batch:
        """As ``Network.mentions``. The cursor is the sync token; private rooms come this way too."""
        news = self._ask(lambda client: client.sync(timeout=0, since=cursor, set_presence="online"))
        if self.settings.matrix_join_invitations:
            for room in news.rooms.invite:
                self._ask(methodcaller("join", room))
        found_mentions: list[Mention] = []
        for room, news_of_room in news.rooms.join.items():
            sources = [event.source for event in news_of_room.timeline.events]
            if news_of_room.timeline.limited and cursor:
                sources = self._missed(room, news_of_room.timeline.prev_batch, cursor) + sources
            found_mentions += self._heard(room, sources)
        return Batch(tuple(found_mentions), news.next_batch)

    def _missed(self, room: str, begin: str, end: str) -> list[dict[str, Any]]:
        """What a limited sync left out, the oldest first."""
        found: list[dict[str, Any]] = []
        for _ in range(MOST_PAGES):
            page = self._ask(methodcaller("room_messages", room, start=begin, end=end, limit=PAGE))
            found += [event.source for event in page.chunk]
            if not page.end or not page.chunk:
                break
            begin = page.end
        return found[::-1]

    def _heard(self, room: str, sources: list[dict[str, Any]]) -> list[Mention]:
        room_events = [RoomEvent(source, self.account_name) for source in sources]
        return [
            room_event.as_mention(room, is_private=self._is_private(room))
            for room_event in room_events
            if room_event.is_text and (room_event.mentions_bot or self._is_private(room))
        ]

    def _is_private(self, room: str) -> bool:
        """Two in a room talk to each other."""
        if room not in self._members:
            found = self._ask(lambda client: client.joined_members(room))
            self._members[room] = len(found.members)
        return self._members[room] <= 2

    def messages(self, cursor: str | None) -> Batch:
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
        sent = self._ask(
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
            return str(self._ask(send).content_uri)
        except ForbiddenError as error:
            raise TryLaterError(f"the upload failed: {error}") from None

    def tell(self, mention: Mention, text: str) -> None:
        """As ``Network.tell``: a notice in the room that answers nothing, so that it is not claim for the reply."""
        room, transaction = mention.conversation, hashlib.sha256(f"wait {mention.interaction}".encode()).hexdigest()
        content = {"msgtype": "m.notice", "body": text}
        self._ask(lambda client: client.room_send(room, "m.room.message", content, tx_id=transaction))

    def find_reply(self, mention: Mention, answer: Answer) -> str | None:  # noqa: ARG002  the relation is enough here
        """As ``Network.find_reply``: through the room's latest messages."""
        page = self._ask(lambda client: client.room_messages(mention.conversation, limit=PAGE))
        for event in page.chunk:
            room_event = RoomEvent(event.source, self.account_name)
            if event.sender == self.account_name and room_event.replies_to in (mention.id, mention.interaction):
                return str(event.event_id)
        return None

    def listen(self, wake: Callable[[], None]) -> None:
        """Syncing every second is cheap for a homeserver; no push is needed."""

    def is_over(self) -> bool:
        """As ``Network.is_over``."""
        return False

    def close(self) -> None:
        """As ``Network.close``."""
        if self.client is not None:
            self.runner.run(self.client.close())
        self.runner.close()

    # ------------------------------------------------------------------ calling

    def _client(self) -> AsyncClient:
        """Made inside the event loop, as nio wants it. It never waits or retries by itself: the loop above decides."""
        if self.client is None:
            timeout = self.settings.bot_request_timeout_seconds
            config = AsyncClientConfig(max_limit_exceeded=0, max_timeouts=0, request_timeout=timeout)
            self.client = AsyncClient(self.settings.matrix_homeserver, self.account_name, config=config)
            self.client.access_token = plain(self.settings.matrix_access_token)
            self.client.user_id = self.account_name
        return self.client

    def _ask(self, call: Callable[[AsyncClient], Coroutine[Any, Any, Any]], *, visible: bool = False) -> Any:
        """The answer to ``call``, or one of the bot's errors. ``visible``: a lost answer may hide a sent event."""

        async def run() -> Any:
            return await call(self._client())

        try:
            answer = self.runner.run(run())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            text = f"the homeserver's answer is lost: {type(error).__name__}"
            raise (InDoubtError(text) if visible else TryLaterError(text)) from None
        if isinstance(answer, ErrorResponse):
            raise _error(answer, visible=visible)
        return answer


def _error(answer: ErrorResponse, *, visible: bool) -> Exception:
    code, text = str(answer.status_code), f"the homeserver answers {answer.status_code}: {answer.message}"[:200]
    if code == "M_LIMIT_EXCEEDED":
        return TryLaterError(text, retry_after_seconds=(answer.retry_after_ms or 1000) / 1000 + 0.5)
    if code in BAD_TOKEN:
        return CredentialsError(f"the homeserver does not accept RIFFBIRD_MATRIX_ACCESS_TOKEN ({code})")
    if code in FINAL:
        return ForbiddenError(text)
    return InDoubtError(text) if visible else TryLaterError(text)
