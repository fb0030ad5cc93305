"""The bot's loop: read the network, hand replies that are due to threads, wait. Knows no network by name."""

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
from bot.deletions import Deletions
from bot.intake import CrashHook, Intake, no_crash
from bot.networks.protocol import Network
from bot.networks.retry import Clock, SystemClock
from bot.rate_limits import RateLimits
from bot.reader import Reader
from bot.replies import ReplyWorker
from bot.reply_pool import ReplyPool
from bot.reply_store import ReplyStore
from bot.settings import BotSettings
from bot.state.cursors import Cursors
from bot.state.store_errors import is_unavailable
from worker.client import DeadLetters, Moderation, Queues, open_connection

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

MAX_SLEEP_SECONDS = 0.5  # while a reply is owed
MAX_IDLE_SECONDS = 30.0  # the loop sends a heartbeat each turn
REDIS_PAUSE_SECONDS = 2.0
OPERATOR_PAUSE_SECONDS = 5.0


@dataclass
class Bot:
    """One network's bot. ``turn`` does what is due now; ``run`` turns until it is stopped."""

    network: Network
    reply_store: ReplyStore
    reader: Reader
    replies: ReplyWorker
    pool: ReplyPool
    clock: Clock
    stopping: threading.Event = field(default_factory=threading.Event)
    _woken: threading.Event = field(default_factory=threading.Event)

    def open(self) -> str:
        """Sign in, learn the network's limits and return the account's name. Raises ``CredentialsError``."""
        account = self.network.open()
        self.reader.open()
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
        self.reader.take_requeued()
        if self._woken.is_set():
            self._woken.clear()
            self.reader.read_soon()
        self.reader.read_due(self.stopping.is_set)
        for interaction in self.reply_store.due(self.clock.now()):
            if self.stopping.is_set():
                break
            self._hand_over(interaction)
        return self._sleep_seconds()

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
        due, read_at = self.reply_store.next_due(), self.reader.next_at()
        return max(0.0, (read_at if due is None else min(due, read_at)) - self.clock.now())

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
    reader = Reader(network, reply_store, cursors, letters, intake, deletions, clock, generator, crash_hook)
    return Bot(network, reply_store, reader, replies, pool, clock)
