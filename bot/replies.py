"""From a promise to the one reply: waits for the song, posts it, remembers it. The reply job only rings the bell.

Every owed is kept through the same steps, whether it fell due by the bell, by the clock or after a crash. Knows the
reply_store, the queue and one network; deliberately knows no network by name and no wording of its own.
"""

from __future__ import annotations

import logging
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rq import SimpleWorker, get_current_job
from rq.timeouts import TimerDeathPenalty

from bot.commands.responses import Responses
from bot.intake import CrashHook, CrashPoint, Intake, no_crash
from bot.networks.protocol import (
    Answer,
    Attachment,
    CredentialsError,
    ForbiddenError,
    InDoubtError,
    MediaRules,
    Network,
    TryLaterError,
)
from bot.networks.retry import Clock, backoff_seconds
from bot.owed_reply import Claim, OwedReply
from bot.reply_store import ReplyStore
from worker.client import REPLY_QUEUE, SERIALIZER, JobState, Queues, SongRecord, fetch_state

logger = logging.getLogger(__name__)

GIVE_UP_SECONDS = 48 * 3600.0
LONGEST_BACKOFF_SECONDS = 1800.0
POSTING_LEASE_SECONDS = 120.0  # the visible act is one call, retried at most once
IN_DOUBT_PAUSE_SECONDS = 5.0  # a post needs a moment until its own network shows it
MAX_BUGS = 5


def reply(network: str, interaction: str) -> None:
    """The job behind each song: its owed is due now. Quick and repeatable, so it needs no credentials."""
    job = get_current_job()
    assert job is not None  # noqa: S101  only RQ calls this
    ReplyStore(job.connection, network, owner="bell").postpone(interaction, 0.0)


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
    """For this module: another process has claim the promise over."""


@dataclass(frozen=True)
class ReplyWorker:
    """Where one network's promises are kept."""

    network: Network
    reply_store: ReplyStore
    queues: Queues
    intake: Intake
    words: Responses
    clock: Clock
    generator: random.Random
    lease_seconds: float
    poll_seconds: float
    crash_hook: CrashHook = no_crash

    def process(self, interaction: str) -> None:
        """One step towards the reply: wait on, or post. Raises only ``CredentialsError``."""
        owed = self.reply_store.find(interaction)
        song = self._song_state(owed) if owed else None
        over = owed is None or owed.state in ("posted", "dropped") or owed.request is None
        if over or (song is not None and song.status in ("done", "refused", "failed")):
            self._claim(interaction, song)
        else:
            self.reply_store.postpone(interaction, self.clock.now() + self.poll_seconds)

    def _song_state(self, owed: OwedReply) -> JobState | None:
        if owed.request is None or owed.state in ("posted", "dropped"):
            return None
        state = fetch_state(self.queues, owed.job)
        if state is None:  # we died before queueing it, or its result is gone: ask for it (again)
            self.intake.queue_song(owed)
        return state

    def _claim(self, interaction: str, song: JobState | None) -> None:
        claim = self.reply_store.claim(interaction, self.clock.now(), self.lease_seconds)
        owed = self.reply_store.find(interaction)
        if owed is None or claim not in (Claim.FRESH, Claim.IN_DOUBT):
            return
        self.crash_hook(CrashPoint.CLAIMED)
        if self._is_unwanted(owed):
            self.reply_store.complete(owed, "dropped")
            return
        self._keep(owed, song, in_doubt=claim is Claim.IN_DOUBT)

    def _is_unwanted(self, owed: OwedReply) -> bool:
        """They said stop meanwhile, or nobody waits for it any more."""
        mention, now = owed.mention, self.clock.now()
        person = self.reply_store.person(mention.author_id, mention.author_name, now)
        return person.stopped or person.blocked or now - mention.written_at > GIVE_UP_SECONDS

    def _keep(self, owed: OwedReply, song: JobState | None, *, in_doubt: bool) -> None:
        try:
            with tempfile.TemporaryDirectory() as folder:
                answer = self._answer(owed, song, Path(folder))
                self._post(owed, answer, song, in_doubt=in_doubt)
        except LostLeaseError:
            logger.warning("%s: another bot process answers %s", owed.mention.network, owed.interaction)
        except TryLaterError as error:
            self._later(owed, error, in_doubt=in_doubt)
        except InDoubtError as error:
            self._later(owed, error, in_doubt=True)
        except CredentialsError:
            self.reply_store.release(owed.interaction, self.clock.now() + self.poll_seconds, in_doubt=in_doubt)
            raise
        except ForbiddenError as error:
            logger.warning("%s will not be answered: %s", owed.interaction, error)
            self.reply_store.complete(owed, "dropped")
        except Exception as bug:  # noqa: BLE001  logged; one bad promise must not silence the band for everybody else
            self._stumble(owed, bug)

    def _post(self, owed: OwedReply, answer: Answer, song: JobState | None, *, in_doubt: bool) -> None:
        reply_id = self.network.find_reply(owed.mention, answer) if in_doubt else None
        if reply_id is None:
            reply_id = self.network.reply(owed.mention, answer, lambda: self._mark_posting(owed))
            self.crash_hook(CrashPoint.POSTED)
        if song is not None and song.song is not None:
            self.reply_store.remember_song(owed.mention, reply_id, song.song.request.model_dump(mode="json"))
        self.reply_store.complete(owed, "posted", reply_id)
        self.crash_hook(CrashPoint.COMPLETED)

    def _mark_posting(self, owed: OwedReply) -> None:
        if not self.reply_store.mark_posting(owed.interaction, self.clock.now(), POSTING_LEASE_SECONDS):
            raise LostLeaseError(owed.interaction)
        self.crash_hook(CrashPoint.MARKED_POSTING)

    def _later(self, owed: OwedReply, error: TryLaterError | InDoubtError, *, in_doubt: bool) -> None:
        pause = getattr(error, "retry_after_seconds", None)
        if pause is None:
            pause = backoff_seconds(owed.attempts, self.generator, longest=LONGEST_BACKOFF_SECONDS)
        pause = max(pause, IN_DOUBT_PAUSE_SECONDS) if in_doubt else pause
        logger.info("%s: try again in %.0f s: %s", owed.interaction, pause, error)
        self.reply_store.release(owed.interaction, self.clock.now() + pause, in_doubt=in_doubt)

    def _stumble(self, owed: OwedReply, bug: Exception) -> None:
        logger.error("%s: a bug on the way to its reply", owed.interaction, exc_info=bug)
        if owed.attempts >= MAX_BUGS and owed.request is None:
            self.reply_store.complete(owed, "dropped")
            return
        if owed.attempts >= MAX_BUGS:  # the song cannot be posted: an apology can
            self.reply_store.say_instead(owed, self.words.apology(owed.mention))
        pause = backoff_seconds(owed.attempts, self.generator, longest=LONGEST_BACKOFF_SECONDS)
        self.reply_store.release(owed.interaction, self.clock.now() + pause, in_doubt=True)

    # ------------------------------------------------------------------ what is said

    def _answer(self, owed: OwedReply, song: JobState | None, folder: Path) -> Answer:
        mention, key = owed.mention, f"riffbird-{owed.mention.network}-{owed.interaction}"
        if owed.request is None or song is None:
            return Answer(owed.words, key)
        if song.song is None:
            return Answer(self.words.no_song(mention, song), key)
        text = self.words.song(mention, song.song, owed.notices)
        return Answer(text, key, self._attachment(song.song, folder))

    def _attachment(self, song: SongRecord, folder: Path) -> Attachment | None:
        rules = self.network.media
        for kind in rules.formats:
            size = self.queues.media.size(song.id, f"song.{kind}")
            if kind in song.rendition.files and size is not None and _fits(size, song, rules):
                path = self.queues.media.fetch(song.id, f"song.{kind}", folder)
                alt_text = self.words.alt_text(song)
                return Attachment(path, kind, alt_text, song.rendition.duration_seconds, song.rendition.title)
        raise FileNotFoundError(f"song {song.id} has none of {', '.join(rules.formats)} in a size the network takes")


def _fits(size: int, song: SongRecord, rules: MediaRules) -> bool:
    return size <= rules.most_bytes and song.rendition.duration_seconds <= rules.longest_seconds
