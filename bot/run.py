"""The bot's loop: read, make safe, move the cursor, keep what is promised, and sleep until the next of these is due.

The cursor moves only after everything that was read is promised and queued, so a process may die anywhere. Knows one
network; deliberately knows no network by name.
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
from types import FrameType

from redis import Redis

from bot.commands.responses import Responses
from bot.intake import CrashHook, CrashPoint, Intake, no_crash
from bot.networks.protocol import Batch, CredentialsError, Network, NetworkError, TryLaterError
from bot.networks.retry import Clock, SystemClock, backoff_seconds
from bot.rate_limits import RateLimits
from bot.replies import ReplyWorker, hear_bells
from bot.reply_store import ReplyStore
from bot.settings import BotSettings
from worker.client import QUEUE_UNAVAILABLE, Queues

logger = logging.getLogger(__name__)

MAX_SLEEP_SECONDS = 1.0  # bells of the reply queue are found_mentions at least this often
CREDENTIALS_PAUSE_SECONDS = 300.0
QUEUE_GONE_PAUSE_SECONDS = 2.0


@dataclass
class Channel:
    """One thing that is read again and again: mentions, or messages."""

    name: str
    read: Callable[[str | None], Batch]
    pause_seconds: float
    next_at: float = 0.0
    failures: int = 0


@dataclass
class Bot:
    """One network's bot. ``turn`` does what is due now, ``run`` turns until it is told to stop."""

    network: Network
    reply_store: ReplyStore
    queues: Queues
    intake: Intake
    reply_worker: ReplyWorker
    clock: Clock
    generator: random.Random
    crash_hook: CrashHook = no_crash
    stopping: threading.Event = field(default_factory=threading.Event)
    channels: list[Channel] = field(default_factory=list)

    def open(self) -> str:
        """Sign in and learn the network's limits; the account's name. Raises ``CredentialsError``."""
        name = self.network.open()
        limits = self.network.limits
        self.channels = [Channel("mentions", self.network.mentions, limits.mentions_pause_seconds)]
        if limits.messages_pause_seconds is not None:
            self.channels.append(Channel("messages", self.network.messages, limits.messages_pause_seconds))
        return name

    def run(self) -> None:
        """Turn until ``stopping`` is set (the step under way is finished first), or nothing can come any more."""
        while not self.stopping.is_set() and not (self.network.is_over() and not self.reply_store.owed()):
            self.clock.sleep(self._guarded_turn())

    def _guarded_turn(self) -> float:
        """A turn that outlives a lost server: nothing is forgotten meanwhile, since nothing was remembered."""
        try:
            return self.turn()
        except QUEUE_UNAVAILABLE as error:
            logger.warning("the queue's server is away: %s", type(error).__name__)
            return QUEUE_GONE_PAUSE_SECONDS

    def turn(self) -> float:
        """Do everything that is due, then say how many seconds nothing will be."""
        for channel in self.channels:
            if channel.next_at <= self.clock.now() and not self.stopping.is_set():
                self._read(channel)
        hear_bells(self.queues)
        for interaction in self.reply_store.due(self.clock.now()):
            if self.stopping.is_set():
                break
            self._process(interaction)
        return self._sleep_seconds()

    def _read(self, channel: Channel) -> None:
        now = self.clock.now()
        try:
            batch = channel.read(self.reply_store.cursor(channel.name))
        except NetworkError as error:
            channel.failures += 1
            channel.next_at = now + self._pause_after(error, channel.failures)
            logger.warning("%s are not read: %s", channel.name, error)
            return
        self.crash_hook(CrashPoint.READ)
        for mention in batch.mentions:
            self.intake.accept(mention, now)
        if batch.cursor is not None:
            self.reply_store.move_cursor(channel.name, batch.cursor)
            self.crash_hook(CrashPoint.CURSOR_MOVED)
        channel.failures, channel.next_at = 0, now + channel.pause_seconds

    def _process(self, interaction: str) -> None:
        try:
            self.reply_worker.process(interaction)
        except CredentialsError as error:
            logger.error("nothing can be posted: %s", error)  # noqa: TRY400  the operator needs the line, not the stack

    def _pause_after(self, error: NetworkError, failures: int) -> float:
        if isinstance(error, TryLaterError) and error.retry_after_seconds is not None:
            return error.retry_after_seconds
        if isinstance(error, CredentialsError):
            return CREDENTIALS_PAUSE_SECONDS
        return backoff_seconds(failures, self.generator)

    def _sleep_seconds(self) -> float:
        """Short while something is owed: a bell of the reply queue does not wake us."""
        idle = self.idle_seconds()
        return min(idle, MAX_SLEEP_SECONDS) if self.reply_store.owed() else idle

    def idle_seconds(self) -> float:
        """How long no channel is to be read and no promise is due."""
        now, due = self.clock.now(), self.reply_store.next_due()
        moments = [channel.next_at for channel in self.channels] + ([] if due is None else [due])
        return max(0.0, min(moments, default=now) - now)

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """A signal handler: end after the step under way; a second signal ends at once."""
        self.stopping.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if isinstance(self.clock, SystemClock):
            self.clock.wake()


def open_reply_store(queues: Queues, network: str, *, durable: bool = False) -> ReplyStore:
    """The reply_store of ``network`` in the queue's own server. ``durable`` as in `ReplyStore`."""
    server = Redis.from_url(
        queues.settings.redis_url.get_secret_value(), decode_responses=True, socket_timeout=5, socket_connect_timeout=2
    )
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
    crash_hook: CrashHook = no_crash,
) -> Bot:
    """All parts of one network's bot, put together."""
    reply_store.block(*settings.bot_blocked.replace(",", " ").split())
    limits = RateLimits(settings.bot_cooldown_seconds, settings.bot_songs_a_day, settings.bot_waiting_songs)
    words = Responses(network)
    catch_up = settings.bot_catch_up_hours * 3600
    intake = Intake(network, reply_store, queues, limits, words, catch_up, crash_hook)
    reply_worker = ReplyWorker(
        network, reply_store, queues, intake, words, clock, generator,
        settings.bot_lease_seconds, settings.bot_poll_seconds, crash_hook,
    )  # fmt: skip
    return Bot(network, reply_store, queues, intake, reply_worker, clock, generator, crash_hook)
