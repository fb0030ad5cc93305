"""From a promise to the one reply: waits for the song, posts it, remembers it. The reply job only rings the bell.

Every promise is kept through the same steps, whether it fell due by the bell, by the clock or after a crash. Knows the
ledger, the queue and one frontend; deliberately knows no network by name and no wording of its own.
"""

from __future__ import annotations

import logging
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rq import SimpleWorker, get_current_job
from rq.timeouts import TimerDeathPenalty

from bot.commands.responses import HouseWords
from bot.intake import Intake, Milestone, Point, no_milestone
from bot.networks.protocol import (
    Answer,
    Attachment,
    CredentialsError,
    DoubtfulError,
    ForbiddenError,
    Frontend,
    MediaRules,
    TryLaterError,
)
from bot.networks.retry import Clock, backoff_seconds
from bot.owed_reply import Promise, Taken
from bot.reply_store import Ledger
from worker.client import REPLY_QUEUE, SERIALIZER, JobState, Queues, SongRecord, look_up

logger = logging.getLogger(__name__)

GIVE_UP_SECONDS = 48 * 3600.0
LONGEST_BACKOFF_SECONDS = 1800.0
FENCE_SECONDS = 120.0  # the visible act is one call, retried at most once
DOUBT_SECONDS = 5.0  # a post needs a moment until its own network shows it
MOST_BUGS = 5


def reply(network: str, interaction: str) -> None:
    """The job behind each song: its promise is due now. Quick and repeatable, so it needs no credentials."""
    job = get_current_job()
    assert job is not None  # noqa: S101  only RQ calls this
    Ledger(job.connection, network, owner="bell").postpone(interaction, 0.0)


class BellWorker(SimpleWorker):
    """Runs reply jobs inside the bot's own process and leaves its signal handlers alone."""

    death_penalty_class = TimerDeathPenalty

    def _install_signal_handlers(self) -> None:
        """The bot has its own."""

    def subscribe(self) -> None:
        """It lives too short for commands from afar."""

    def unsubscribe(self) -> None:
        """Nothing was subscribed to; RQ would wait a second for it."""


def hear_bells(queues: Queues) -> None:
    """Run the reply jobs that wait, if any."""
    if queues.depth(REPLY_QUEUE):
        worker = BellWorker(
            [queues.queue(REPLY_QUEUE)], connection=queues.connection, serializer=SERIALIZER, log_job_description=False
        )
        worker.work(burst=True, logging_level=None)


class LostLeaseError(Exception):
    """For this module: another process has taken the promise over."""


@dataclass(frozen=True)
class Desk:
    """Where one network's promises are kept."""

    frontend: Frontend
    reply_store: Ledger
    queues: Queues
    intake: Intake
    words: HouseWords
    clock: Clock
    generator: random.Random
    lease_seconds: float
    poll_seconds: float
    milestone: Milestone = no_milestone

    def attend(self, interaction: str) -> None:
        """One step towards the reply: wait on, or post. Raises only ``CredentialsError``."""
        promise = self.reply_store.find(interaction)
        song = self._song_state(promise) if promise else None
        over = promise is None or promise.state in ("posted", "dropped") or promise.request is None
        if over or (song is not None and song.status in ("done", "refused", "failed")):
            self._take(interaction, song)
        else:
            self.reply_store.postpone(interaction, self.clock.now() + self.poll_seconds)

    def _song_state(self, promise: Promise) -> JobState | None:
        if promise.request is None or promise.state in ("posted", "dropped"):
            return None
        state = look_up(self.queues, promise.job)
        if state is None:  # we died before queueing it, or its result is gone: ask for it (again)
            self.intake.queue_song(promise)
        return state

    def _take(self, interaction: str, song: JobState | None) -> None:
        taken = self.reply_store.take(interaction, self.clock.now(), self.lease_seconds)
        promise = self.reply_store.find(interaction)
        if promise is None or taken not in (Taken.FRESH, Taken.DOUBTFUL):
            return
        self.milestone(Point.TAKEN)
        if self._is_unwanted(promise):
            self.reply_store.settle(promise, "dropped")
            return
        self._keep(promise, song, doubtful=taken is Taken.DOUBTFUL)

    def _is_unwanted(self, promise: Promise) -> bool:
        """They said stop meanwhile, or nobody waits for it any more."""
        mention, now = promise.mention, self.clock.now()
        person = self.reply_store.person(mention.author_id, mention.author_name, now)
        return person.stopped or person.blocked or now - mention.written_at > GIVE_UP_SECONDS

    def _keep(self, promise: Promise, song: JobState | None, *, doubtful: bool) -> None:
        try:
            with tempfile.TemporaryDirectory() as folder:
                answer = self._answer(promise, song, Path(folder))
                self._post(promise, answer, song, doubtful=doubtful)
        except LostLeaseError:
            logger.warning("%s: another bot process answers %s", promise.mention.network, promise.interaction)
        except TryLaterError as error:
            self._later(promise, error, doubtful=doubtful)
        except DoubtfulError as error:
            self._later(promise, error, doubtful=True)
        except CredentialsError:
            self.reply_store.release(promise.interaction, self.clock.now() + self.poll_seconds, doubtful=doubtful)
            raise
        except ForbiddenError as error:
            logger.warning("%s will not be answered: %s", promise.interaction, error)
            self.reply_store.settle(promise, "dropped")
        except Exception as bug:  # noqa: BLE001  logged; one bad promise must not silence the band for everybody else
            self._stumble(promise, bug)

    def _post(self, promise: Promise, answer: Answer, song: JobState | None, *, doubtful: bool) -> None:
        reply_id = self.frontend.find_reply(promise.mention, answer) if doubtful else None
        if reply_id is None:
            reply_id = self.frontend.reply(promise.mention, answer, lambda: self._fence(promise))
            self.milestone(Point.POSTED)
        if song is not None and song.song is not None:
            self.reply_store.remember_song(promise.mention, reply_id, song.song.request.model_dump(mode="json"))
        self.reply_store.settle(promise, "posted", reply_id)
        self.milestone(Point.REMEMBERED)

    def _fence(self, promise: Promise) -> None:
        if not self.reply_store.fence(promise.interaction, self.clock.now(), FENCE_SECONDS):
            raise LostLeaseError(promise.interaction)
        self.milestone(Point.FENCED)

    def _later(self, promise: Promise, error: TryLaterError | DoubtfulError, *, doubtful: bool) -> None:
        pause = getattr(error, "retry_after_seconds", None)
        if pause is None:
            pause = backoff_seconds(promise.attempts, self.generator, longest=LONGEST_BACKOFF_SECONDS)
        pause = max(pause, DOUBT_SECONDS) if doubtful else pause
        logger.info("%s: try again in %.0f s: %s", promise.interaction, pause, error)
        self.reply_store.release(promise.interaction, self.clock.now() + pause, doubtful=doubtful)

    def _stumble(self, promise: Promise, bug: Exception) -> None:
        logger.error("%s: a bug on the way to its reply", promise.interaction, exc_info=bug)
        if promise.attempts >= MOST_BUGS and promise.request is None:
            self.reply_store.settle(promise, "dropped")
            return
        if promise.attempts >= MOST_BUGS:  # the song cannot be posted: an apology can
            self.reply_store.say_instead(promise, self.words.apology(promise.mention))
        pause = backoff_seconds(promise.attempts, self.generator, longest=LONGEST_BACKOFF_SECONDS)
        self.reply_store.release(promise.interaction, self.clock.now() + pause, doubtful=True)

    # ------------------------------------------------------------------ what is said

    def _answer(self, promise: Promise, song: JobState | None, folder: Path) -> Answer:
        mention, key = promise.mention, f"riffbird-{promise.mention.network}-{promise.interaction}"
        if promise.request is None or song is None:
            return Answer(promise.words, key)
        if song.song is None:
            return Answer(self.words.no_song(mention, song), key)
        text = self.words.song(mention, song.song, promise.notices)
        return Answer(text, key, self._attachment(song.song, folder))

    def _attachment(self, song: SongRecord, folder: Path) -> Attachment | None:
        rules = self.frontend.media
        for kind in rules.formats:
            size = self.queues.media.size(song.id, f"song.{kind}")
            if kind in song.rendition.files and size is not None and _fits(size, song, rules):
                path = self.queues.media.fetch(song.id, f"song.{kind}", folder)
                alt_text = self.words.alt_text(song)
                return Attachment(path, kind, alt_text, song.rendition.duration_seconds, song.rendition.title)
        raise FileNotFoundError(f"song {song.id} has none of {', '.join(rules.formats)} in a size the network takes")


def _fits(size: int, song: SongRecord, rules: MediaRules) -> bool:
    return size <= rules.most_bytes and song.rendition.duration_seconds <= rules.longest_seconds
