"""The bot's loop: read the network, store what is owed, move the cursor, hand due replies to threads, wait.

The cursor moves only after everything that was read is stored and queued, so the process may die at any moment. Knows
no network by name.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TypeVar

from redis.exceptions import RedisError

from bot.commands.responses import Responses
from bot.cursors import Cursors
from bot.deletions import Deletions
from bot.intake import CrashHook, CrashPoint, Intake, no_crash
from bot.networks.protocol import Batch, CredentialsError, Mention, Network, NetworkError, TryLaterError
from bot.networks.retry import Clock, SystemClock, backoff_seconds
from bot.rate_limits import RateLimits
from bot.replies import ReplyWorker
from bot.reply_pool import ReplyPool
from bot.reply_store import ReplyStore
from bot.settings import BotSettings
from bot.store_errors import is_unavailable
from worker.client import DeadLetter, DeadLetters, Moderation, Queues, open_connection

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

MAX_SLEEP_SECONDS = 0.5  # while a reply is owed
MAX_IDLE_SECONDS = 30.0  # the loop sends a heartbeat each turn
CREDENTIALS_PAUSE_SECONDS = 300.0
REDIS_PAUSE_SECONDS = 2.0
OPERATOR_PAUSE_SECONDS = 5.0
WAKE_PAUSE_SECONDS = 1.0  # a pushed event causes at most one reading a second
FIRST_READ_SECONDS = 120.0  # without a cursor, mentions older than this at the start are not answered


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
class Bot:
    """One network's bot. ``turn`` does what is due now; ``run`` turns until it is stopped."""

    network: Network
    reply_store: ReplyStore
    cursors: Cursors
    dead_letters: DeadLetters
    intake: Intake
    replies: ReplyWorker
    pool: ReplyPool
    deletions: Deletions
    clock: Clock
    generator: random.Random
    crash_hook: CrashHook = no_crash
    stopping: threading.Event = field(default_factory=threading.Event)
    channels: list[Channel] = field(default_factory=list)
    _woken: threading.Event = field(default_factory=threading.Event)
    _started_at: float = 0.0

    def open(self) -> str:
        """Sign in, learn the network's limits and return the account's name. Raises ``CredentialsError``."""
        account = self.network.open()
        limits = self.network.limits
        self._started_at = self.clock.now()
        self.channels = [Channel("mentions", self.network.mentions, limits.mentions_pause_seconds)]
        if limits.messages_pause_seconds is not None:
            self.channels.append(Channel("messages", self.network.messages, limits.messages_pause_seconds))
        return account

    def run(self) -> None:
        """Turn until ``stopping`` is set or the input has ended and nothing is owed; then wait for running replies."""
        try:
            while not self.stopping.is_set() and not self._is_finished():
                self.clock.wait(self._guarded_turn())
        finally:
            self.pool.close()
        self._guarded(self.replies.record_outcomes)

    def _is_finished(self) -> bool:
        return self.network.is_over() and self._guarded(self.reply_store.owed) == 0

    def _guarded_turn(self) -> float:
        """Seconds to wait after a turn. While Redis is away, nothing is lost: nothing was acknowledged."""
        seconds = self._guarded(self.turn)
        return REDIS_PAUSE_SECONDS if seconds is None else seconds

    def _guarded(self, step: Callable[[], Result]) -> Result | None:
        """The result of ``step``; ``None`` if Redis cannot be used."""
        try:
            return step()
        except RedisError as error:
            if is_unavailable(error):
                logger.warning("waiting for Redis: %s", error)
            else:
                logger.exception("Redis refuses a command")
            return None

    def turn(self) -> float:
        """Do everything that is due; seconds until the next thing is."""
        self.replies.record_outcomes()
        self.reply_store.heartbeat(self.clock.now())
        if Moderation(self.reply_store.server).is_paused(self.network.name):
            return OPERATOR_PAUSE_SECONDS
        self._take_requeued()
        if self._woken.is_set():
            self._woken.clear()
            self._read_soon()
        for channel in self.channels:
            if channel.next_at <= self.clock.now() and not self.stopping.is_set():
                self._read(channel)
        for interaction in self.reply_store.due(self.clock.now()):
            if self.stopping.is_set():
                break
            self._hand_over(interaction)
        return self._sleep_seconds()

    def _read_soon(self) -> None:
        for channel in self.channels:
            if not channel.failures:
                channel.next_at = min(channel.next_at, channel.read_at + WAKE_PAUSE_SECONDS)

    # ------------------------------------------------------------------ reading

    def _read(self, channel: Channel) -> None:
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
        self._store(batch, now, since=0.0 if cursor else since, in_doubt=channel.in_doubt)
        if batch.cursor is not None:
            self.cursors.move(channel.name, batch.cursor)
            self.crash_hook(CrashPoint.CURSOR_MOVED)
        channel.failures, channel.next_at = 0, now + (0.0 if batch.more else channel.pause_seconds)
        channel.in_doubt = channel.in_doubt and batch.more

    def _since(self, cursor: str | None) -> float:
        """The oldest mention to read: the catch-up time, or about now if nothing is known of earlier readings."""
        if cursor is None:
            return self._started_at - FIRST_READ_SECONDS
        return self.clock.now() - self.intake.catch_up_seconds

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

    def _store(self, batch: Batch, now: float, *, since: float, in_doubt: bool) -> None:
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

    def _take_requeued(self) -> None:
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

    # ------------------------------------------------------------------ replying

    def _hand_over(self, interaction: str) -> None:
        """Give a reply that is ready to the threads."""
        if self.pool.is_running(interaction):
            return
        readiness = self.replies.readiness(interaction)
        if readiness != "waiting":
            self.pool.submit(interaction, is_text=readiness == "text")

    def _sleep_seconds(self) -> float:
        longest = MAX_SLEEP_SECONDS if self.reply_store.owed() else MAX_IDLE_SECONDS
        return min(self.idle_seconds(), longest)

    def idle_seconds(self) -> float:
        """Seconds until a channel is read or a reply is due."""
        now, due = self.clock.now(), self.reply_store.next_due()
        moments = [channel.next_at for channel in self.channels] + ([] if due is None else [due])
        return max(0.0, min(moments, default=now) - now)

    # ------------------------------------------------------------------ signals

    def wake(self) -> None:
        """Read all channels soon: the network has pushed something. Called from any thread."""
        self._woken.set()
        if isinstance(self.clock, SystemClock):
            self.clock.wake()

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Signal handler: end after the visible calls under way; a second signal ends at once."""
        self.stopping.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if isinstance(self.clock, SystemClock):
            self.clock.stop()


def open_reply_store(queues: Queues, network: str, *, durable: bool = False) -> ReplyStore:
    """The reply store of ``network`` in the queue's Redis server. ``durable`` as in `ReplyStore`."""
    server = open_connection(queues.settings, decode_responses=True)
    owner = f"{socket.gethostname()}-{os.getpid()}-{random.randrange(2**32):08x}"
    return ReplyStore(server, network, owner, durable=durable)


def make_bot(
    network: Network,
    reply_store: ReplyStore,
    queues: Queues,
    settings: BotSettings,
    *,
    clock: Clock,
    generator: random.Random,
    scratch: Path,
    crash_hook: CrashHook = no_crash,
) -> Bot:
    """All parts of one network's bot. ``scratch`` is a folder for files on their way to the network."""
    reply_store.block(*settings.bot_blocked.replace(",", " ").split())
    limits = RateLimits(settings.bot_cooldown_seconds, settings.bot_songs_a_day, settings.bot_waiting_songs)
    responses, letters = Responses(network), DeadLetters(queues.connection, network.name)
    catch_up = settings.bot_catch_up_hours * 3600
    intake = Intake(network, reply_store, queues, limits, responses, catch_up, crash_hook)
    replies = ReplyWorker(
        network, reply_store, letters, queues, intake, responses, clock, generator, scratch,
        settings.bot_lease_seconds, settings.bot_poll_seconds, crash_hook,
    )  # fmt: skip
    cursors = Cursors(reply_store, settings.data_dir / f"bot-{network.name}.json")
    pool = ReplyPool(replies.reply, settings.bot_song_threads)
    deletions = Deletions(network, reply_store, queues)
    return Bot(
        network, reply_store, cursors, letters, intake, replies, pool, deletions, clock, generator, crash_hook
    )  # fmt: skip
