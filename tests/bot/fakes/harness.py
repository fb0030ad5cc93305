"""A bot under test: Redis server, queue, worker in this process, and a clock that moves when they are idle.

The worker is the real one; only what it performs is the stand-in of `videos`, unless a test says otherwise.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.intake import CrashHook, no_crash
from bot.networks.mastodon.client import MastodonNetwork
from bot.networks.protocol import Network
from bot.networks.retry import Clock
from bot.networks.x.client import XNetwork
from bot.reply_store import ReplyStore
from bot.run import Bot, make_bot, open_reply_store
from bot.settings import BotSettings
from tests.bot.fakes.mastodon import TOKEN, FakeMastodon
from tests.bot.fakes.x import FakeX
from worker.client import COMPOSE_QUEUE, Queues, connect
from worker.embedded import EmbeddedServer
from worker.settings import Settings
from worker.worker_process import WarmWorker

TIMEOUT_SECONDS = 2.0
"""Of clients in tests of lost answers: each planned timeout costs this long, and an answer of a loaded machine less."""
PERFORMER = "tests.bot.fakes.videos.performer"
SECRETS = {
    "x_consumer_key": "ck-0123456789",
    "x_consumer_secret": "cs-very-secret-consumer",
    "x_access_token": "at-0123456789",
    "x_access_token_secret": "ts-very-secret-token",
}


def bot_settings(**values: object) -> BotSettings:
    """Settings without the environment, and without rate limits."""
    usual: dict[str, object] = {
        "bot_song_threads": 0, "bot_cooldown_seconds": 0, "bot_songs_a_day": 1000, "bot_waiting_songs": 1000,
        "bot_request_timeout_seconds": 30,
        "x_daily_budget_dollars": 1000,
    }  # fmt: skip
    return BotSettings(_env_file=None, **(usual | values))  # type: ignore[call-arg]


def x_settings(fake: FakeX, **values: object) -> BotSettings:
    return bot_settings(x_api_origin=fake.url, **SECRETS, **values)


class QuietWorker(WarmWorker):
    """The real worker without its line to commands from afar, whose end takes a second."""

    def subscribe(self) -> None:
        """Nothing to listen to."""

    def unsubscribe(self) -> None:
        """Nothing was listened to."""


@dataclass
class Harness:
    """Queue and worker. ``queues`` is connected to a server of this test's own."""

    queues: Queues
    clock: Clock

    def bot(self, network: Network, settings: BotSettings, crash_hook: CrashHook = no_crash) -> Bot:
        made = make_bot(
            network, self.reply_store(network.name), self.queues,
            settings.model_copy(update={"data_dir": self.folder}), clock=self.clock, generator=random.Random(3),
            scratch=self.scratch, crash_hook=crash_hook,
        )  # fmt: skip
        made.open()
        return made

    def x_bot(self, fake: FakeX, **values: object) -> Bot:
        settings = x_settings(fake, **values)
        network = XNetwork(settings, self.reply_store("x"), self.clock, random.Random(5))
        return self.bot(network, settings)

    def mastodon_bot(self, fake: FakeMastodon, **values: object) -> Bot:
        settings = bot_settings(mastodon_url=fake.url, mastodon_access_token=TOKEN, **values)
        return self.bot(MastodonNetwork(settings, self.clock), settings)

    @property
    def folder(self) -> Path:
        return self.queues.settings.data_dir

    @property
    def scratch(self) -> Path:
        folder = self.folder / "bot-scratch"
        folder.mkdir(exist_ok=True)
        return folder

    def reply_store(self, network: str) -> ReplyStore:
        return open_reply_store(self.queues, network)

    def work(self) -> None:
        """Compose everything that waits, in this process."""
        if self.queues.depth(COMPOSE_QUEUE):
            QuietWorker(self.queues).work(burst=True, logging_level=None)

    def run_until_idle(self, *bots: Bot, turns: int = 400) -> None:
        """Turn, work and rest until nothing is owed and nothing is new."""
        quiet, begin = 0, self.clock.now()
        channels = [channel for bot in bots for channel in bot.reader.channels]
        for _ in range(turns):
            for bot in bots:
                bot.turn()
            self.work()
            quiet = quiet + 1 if not any(bot.reply_store.owed() for bot in bots) else 0
            fresh = all(not one.failures and one.next_at >= begin + one.pause_seconds for one in channels)
            if quiet > 2 and fresh:
                return
            self.clock.sleep(self._rest(bots))
        owed = [bot.reply_store.owed() for bot in bots]
        raise AssertionError(f"not idle after {turns} turns: {owed} replies owed")

    def _rest(self, bots: tuple[Bot, ...]) -> float:
        """Until something is due."""
        return max(0.01, min(bot.idle_seconds() for bot in bots))


@contextmanager
def open_server(folder: Path) -> Iterator[str]:
    with EmbeddedServer(folder) as url:
        yield url


def open_harness(url: str, folder: Path, clock: Clock, **values: object) -> Harness:
    """A harness on the server at ``url``, emptied first."""
    usual: dict[str, object] = {"redis_url": url, "data_dir": folder, "performer": PERFORMER, "queue_limit": 10_000}
    queues = connect(Settings(**(usual | values)))  # type: ignore[arg-type]
    queues.connection.flushall()
    return Harness(queues, clock)
