"""Reads a network: stores what is owed, moves the cursor, and sets aside what cannot be read.

The cursor moves only after everything that was read is stored and queued. Every item is handled alone.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from bot.deletions import Deletions
from bot.intake import CrashHook, CrashPoint, Intake, no_crash
from bot.networks.protocol import Batch, CredentialsError, Mention, Network, NetworkError, TryLaterError
from bot.networks.retry import Clock, backoff_seconds
from bot.reply_store import ReplyStore
from bot.state.cursors import Cursors
from bot.state.store_errors import is_unavailable
from worker.client import DeadLetter, DeadLetters

logger = logging.getLogger(__name__)

CREDENTIALS_PAUSE_SECONDS = 300.0
WAKE_PAUSE_SECONDS = 1.0  # a pushed event causes at most one reading a second
FIRST_READ_SECONDS = 120.0  # without a cursor, mentions older than this at the first start are not answered
FIRST_START = "first-start"  # kept as a cursor: unix seconds


@dataclass
class Channel:
    """Something that is read again and again: mentions or messages. ``in_doubt`` until its cursor is certain."""

    name: str
    read: Callable[[str | None, float], Batch]
    pause_seconds: float
    next_at: float = 0.0
    read_at: float = 0.0
    failures: int = 0
    in_doubt: bool = False


@dataclass
class Reader:
    """Reads the channels of one network. ``open`` comes first."""

    network: Network
    reply_store: ReplyStore
    cursors: Cursors
    dead_letters: DeadLetters
    intake: Intake
    deletions: Deletions
    clock: Clock
    generator: random.Random
    crash_hook: CrashHook = no_crash
    channels: list[Channel] = field(default_factory=list)
    _started_at: float = 0.0

    def open(self) -> None:
        """Make the channels, once the network's limits are known."""
        limits = self.network.limits
        self._started_at = self.clock.now()
        self.channels = [Channel("mentions", self.network.mentions, limits.mentions_pause_seconds)]
        if limits.messages_pause_seconds is not None:
            self.channels.append(Channel("messages", self.network.messages, limits.messages_pause_seconds))

    def read_due(self, is_stopping: Callable[[], bool]) -> None:
        """Read every channel whose time has come."""
        for channel in self.channels:
            if channel.next_at <= self.clock.now() and not is_stopping():
                self.read(channel)

    def next_at(self) -> float:
        """When the next channel is read, in unix seconds."""
        return min((channel.next_at for channel in self.channels), default=self.clock.now())

    def read_soon(self) -> None:
        """Read all channels in a moment: the network has pushed something."""
        for channel in self.channels:
            if not channel.failures:
                channel.next_at = min(channel.next_at, channel.read_at + WAKE_PAUSE_SECONDS)

    def read(self, channel: Channel) -> None:
        """Read one channel and store what it has. Raises ``RedisError``; a network's errors pause the channel."""
        now = channel.read_at = self.clock.now()
        cursor, is_certain = self.cursors.get(channel.name)
        channel.in_doubt = channel.in_doubt or not is_certain
        since = self._since(cursor)
        try:
            batch = channel.read(cursor, since)
        except RedisError:
            raise
        except Exception as error:  # noqa: BLE001  a page that cannot be read must not end the bot
            self._pause_channel(channel, error)
            return
        self.crash_hook(CrashPoint.READ)
        self.store(batch, now, since=0.0 if cursor else since, in_doubt=channel.in_doubt)
        if batch.cursor is not None:
            self.cursors.move(channel.name, batch.cursor)
            self.crash_hook(CrashPoint.CURSOR_MOVED)
        channel.failures, channel.next_at = 0, now + (0.0 if batch.more else channel.pause_seconds)
        channel.in_doubt = channel.in_doubt and batch.more

    def _since(self, cursor: str | None) -> float:
        """The oldest mention to read: the catch-up time, or without a cursor shortly before the first start."""
        oldest = self.clock.now() - self.intake.catch_up_seconds
        return oldest if cursor else max(oldest, self._first_start() - FIRST_READ_SECONDS)

    def _first_start(self) -> float:
        """When a bot first read this network: it may have died since, before it had a cursor."""
        known, _ = self.cursors.get(FIRST_START)
        try:
            return float(known or "")
        except ValueError:
            self.cursors.move(FIRST_START, str(self._started_at))
            return self._started_at

    def _pause_channel(self, channel: Channel, error: Exception) -> None:
        channel.failures += 1
        channel.next_at = self.clock.now() + self._pause_after(error, channel.failures)
        self.reply_store.count("readings_failed")
        if isinstance(error, NetworkError):
            logger.warning("%s are not read: %s", channel.name, error)
        else:
            logger.error("%s cannot be read", channel.name, exc_info=error)

    def _pause_after(self, error: Exception, failures: int) -> float:
        if isinstance(error, TryLaterError) and error.retry_after_seconds is not None:
            return error.retry_after_seconds
        if isinstance(error, CredentialsError):
            return CREDENTIALS_PAUSE_SECONDS
        return backoff_seconds(failures, self.generator)

    def store(self, batch: Batch, now: float, *, since: float, in_doubt: bool) -> None:
        """Accept every mention of ``batch``, each alone; what cannot be read or accepted becomes a dead letter."""
        for item in batch.unreadable:
            self._set_aside("event", item.source, item.error)
        for mention in batch.mentions:
            is_in_doubt = in_doubt and mention.written_at < self._started_at
            self._accept(mention, now, since=since, in_doubt=is_in_doubt)
        for interaction in batch.deleted:
            self._delete(interaction)

    def _accept(self, mention: Mention, now: float, *, since: float = 0.0, in_doubt: bool = False) -> None:
        try:
            self.intake.accept(mention, now, since=since, in_doubt=in_doubt)
        except RedisError as error:
            if is_unavailable(error):
                raise
            self._set_aside("mention", mention.as_json(), f"{type(error).__name__}: {error}")
        except Exception as error:
            logger.exception("a mention cannot be accepted")
            self._set_aside("mention", mention.as_json(), f"{type(error).__name__}: {error}")

    def _delete(self, interaction: str) -> None:
        try:
            self.deletions.delete(interaction)
        except RedisError:
            raise
        except Exception:
            logger.exception("the answer to a deleted question is not deleted")

    def _set_aside(self, kind: str, item: dict[str, object], error: str) -> None:
        letter = self.dead_letters.add(kind, item, error)
        logger.warning("dead letter %s (%s): %s", letter.id, kind, letter.error)
        self.reply_store.count("unreadable")

    def take_requeued(self) -> None:
        """Process what an operator requeued with ``riffbird queue requeue``."""
        for letter in self.dead_letters.take_requeued():
            try:
                self._process_letter(letter)
            except RedisError:
                raise
            except Exception as error:  # noqa: BLE001  it goes back to the dead letters
                self._set_aside(letter.kind, letter.item or {}, f"{type(error).__name__}: {error}")

    def _process_letter(self, letter: DeadLetter) -> None:
        item, now = letter.item or {}, self.clock.now()
        if letter.kind == "reply":
            self.reply_store.restore(str(item["interaction"]), now)
            return
        mention = Mention.from_json(item) if letter.kind == "mention" else self.network.read_item(item)
        if mention is not None:
            self._accept(mention, min(now, mention.written_at + 1.0), in_doubt=True)
