"""Posts owed replies: looks up the song, claims the reply, uploads, posts and records it.

The same steps serve a first attempt, a retry and the recovery after a crash. Knows no network by name and no wording.
"""

from __future__ import annotations

import logging
import random
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from redis.exceptions import RedisError

from bot.commands.responses import Responses
from bot.intake import CrashHook, CrashPoint, Intake, no_crash
from bot.log_context import log_id
from bot.networks.protocol import (
    Answer,
    Attachment,
    CredentialsError,
    ForbiddenError,
    InDoubtError,
    MediaRules,
    Network,
    StoppingError,
    TryLaterError,
    UploadRefusedError,
)
from bot.networks.retry import Clock, backoff_seconds
from bot.reply_store import ReplyStore
from bot.state.network_records import AnsweredSong
from bot.state.owed_reply import Claim, OwedReply, UnreadableReplyError
from bot.state.store_errors import is_unavailable
from worker.client import DeadLetters, JobState, Queues, SongRecord, fetch_state

logger = logging.getLogger(__name__)

GIVE_UP_SECONDS = 48 * 3600.0
MAX_BACKOFF_SECONDS = 1800.0
CREDENTIALS_PAUSE_SECONDS = 60.0
POSTING_LEASE_SECONDS = 120.0  # the visible call is made once and retried at most once
IN_DOUBT_PAUSE_SECONDS = 5.0  # until a network shows a new post to its own account
POOL_PAUSE_SECONDS = 10.0  # before a reply that waits for a thread is looked at again
MAX_BUGS = 5
FINAL = ("done", "refused", "failed")

Readiness = Literal["song", "text", "waiting"]


class LostLeaseError(Exception):
    """Another process holds the lease of this reply."""


@dataclass(frozen=True)
class ReplyWorker:
    """Posts the owed replies of one network. ``reply`` runs in several threads, the other methods in the loop's."""

    network: Network
    reply_store: ReplyStore
    dead_letters: DeadLetters
    queues: Queues
    intake: Intake
    responses: Responses
    clock: Clock
    generator: random.Random
    scratch: Path
    lease_seconds: float
    poll_seconds: float
    crash_hook: CrashHook = no_crash
    _unrecorded: deque[Callable[[], None]] = field(default_factory=deque)

    # ------------------------------------------------------------------ in the loop

    def readiness(self, interaction: str) -> Readiness:
        """Whether the reply can be posted now; postpones it if not. Sets aside what cannot be read."""
        try:
            return self._readiness(interaction)
        except RedisError as error:
            if is_unavailable(error):
                raise
            self._set_aside(interaction, error)
        except Exception as error:  # noqa: BLE001  one bad item must not stop the others
            self._set_aside(interaction, error)
        return "waiting"

    def _readiness(self, interaction: str) -> Readiness:
        owed = self.reply_store.find(interaction)
        if owed is None or owed.is_over:
            self.reply_store.claim(interaction, self.clock.now(), self.lease_seconds)  # takes it off the list
            return "waiting"
        self.reply_store.postpone(interaction, self.clock.now() + POOL_PAUSE_SECONDS)
        if owed.request is None:
            return "text"
        state = fetch_state(self.queues, owed.job)
        if state is None:  # the bot died before it was queued, or the result has expired
            self.intake.queue_song(owed)
        if state is not None and state.status in FINAL:
            return "song"
        self.reply_store.postpone(interaction, self.clock.now() + self.poll_seconds)
        return "waiting"

    def _set_aside(self, interaction: str, error: Exception) -> None:
        """Move a reply that cannot be processed to the dead letters."""
        logger.error("the owed reply to %s is set aside: %s", interaction, error, exc_info=error)
        item = {"interaction": interaction, "stored": dict(self.reply_store.stored(interaction))}
        self.dead_letters.add("reply", item, f"{type(error).__name__}: {error}")
        self.reply_store.set_aside(interaction)
        self.reply_store.count("unreadable")

    def record_outcomes(self) -> None:
        """Record what could not be recorded while Redis was away. Raises ``RedisError`` if it still is."""
        while self._unrecorded:
            self._unrecorded[0]()
            self._unrecorded.popleft()

    # ------------------------------------------------------------------ in a thread

    def reply(self, interaction: str) -> None:
        """Claim the reply and post it. Raises nothing that a network or Redis does."""
        try:
            self._claim(interaction)
        except RedisError as error:
            if not is_unavailable(error):
                logger.exception("the reply to %s failed", interaction)
            else:
                logger.warning("the reply to %s waits for Redis: %s", interaction, type(error).__name__)
            self._release_later(interaction)
        except UnreadableReplyError as error:
            logger.error("the reply to %s cannot be read: %s", interaction, error)  # noqa: TRY400  no stack needed

    def _release_later(self, interaction: str) -> None:
        """Once Redis is back: due again, and in doubt, since the attempt may have been marked as posting."""
        self._unrecorded.append(
            lambda: self.reply_store.release(interaction, self.clock.now() + IN_DOUBT_PAUSE_SECONDS, in_doubt=True)
        )

    def _claim(self, interaction: str) -> None:
        claim = self.reply_store.claim(interaction, self.clock.now(), self.lease_seconds)
        owed = self.reply_store.find(interaction)
        if owed is None or claim not in (Claim.FRESH, Claim.IN_DOUBT):
            return
        self.crash_hook(CrashPoint.CLAIMED)
        if self._is_unwanted(owed):
            self._drop(owed, "opted out, blocked or too old")
            return
        self._attempt(owed, in_doubt=claim is Claim.IN_DOUBT)

    def _is_unwanted(self, owed: OwedReply) -> bool:
        """Whether the person opted out meanwhile or the mention is too old."""
        mention, now = owed.mention, self.clock.now()
        person = self.reply_store.person(mention.author_id, mention.author_name, now)
        is_stopped = person.stopped and owed.opt_change != "out"
        return is_stopped or person.blocked or now - mention.written_at > GIVE_UP_SECONDS

    def _attempt(self, owed: OwedReply, *, in_doubt: bool) -> None:
        extra = log_id(owed)
        try:
            with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
                self._answer_and_post(owed, Path(folder), in_doubt=in_doubt)
        except LostLeaseError:
            logger.warning("another bot process answers", extra=extra)
        except TryLaterError as error:
            self._retry(owed, error, in_doubt=in_doubt)
        except InDoubtError as error:
            self.reply_store.count("in_doubt")
            self._retry(owed, error, in_doubt=True)
        except CredentialsError as error:
            logger.error("nothing can be posted: %s", error, extra=extra)  # noqa: TRY400  for the operator
            self.reply_store.release(owed.interaction, self.clock.now() + CREDENTIALS_PAUSE_SECONDS, in_doubt=in_doubt)
        except ForbiddenError as error:
            self._drop(owed, str(error))
        except RedisError:
            raise
        except Exception as bug:  # noqa: BLE001  one bad reply must not stop the others
            self._retry_after_bug(owed, bug)

    def _answer_and_post(self, owed: OwedReply, folder: Path, *, in_doubt: bool) -> None:
        song = self._finished_song(owed)
        answer = self._answer(owed, song, folder)
        reply_id = self.network.find_reply(owed.mention, answer) if in_doubt else None
        try:
            if reply_id is None:
                reply_id = self.network.reply(owed.mention, answer, lambda: self._mark_posting(owed))
                self.crash_hook(CrashPoint.POSTED)
        except UploadRefusedError as error:
            extension = answer.attachment.extension if answer.attachment else ""
            self.reply_store.note_refused_upload(owed, extension)
            self.reply_store.count("uploads_refused")
            raise TryLaterError(f"{extension} is refused: {error}") from None
        self._record(owed, song, reply_id)

    def _record(self, owed: OwedReply, state: JobState | None, reply_id: str) -> None:
        """Record the posted reply, now or as soon as Redis is back."""
        record = state.song if state is not None else None

        def write() -> None:
            if record is not None:
                song = AnsweredSong(record.request.model_dump(mode="json"), record.id)
                self.reply_store.remember_song(owed.mention, reply_id, song)
            self.reply_store.complete(owed, "posted", reply_id)
            self.reply_store.count("replies_posted")

        logger.info("reply %s posted, attempt %d", reply_id, owed.attempts, extra=log_id(owed))
        try:
            write()
        except RedisError as error:
            logger.warning("the reply is recorded later: %s", type(error).__name__, extra=log_id(owed))
            self._unrecorded.append(write)
        self.crash_hook(CrashPoint.COMPLETED)

    def _mark_posting(self, owed: OwedReply) -> None:
        if not self.reply_store.mark_posting(owed.interaction, self.clock.now(), POSTING_LEASE_SECONDS):
            raise LostLeaseError(owed.interaction)
        self.crash_hook(CrashPoint.MARKED_POSTING)

    # ------------------------------------------------------------------ when it did not work

    def _drop(self, owed: OwedReply, reason: str) -> None:
        logger.warning("no reply: %s", reason, extra=log_id(owed))
        self.reply_store.complete(owed, "dropped")
        self.reply_store.count("replies_dropped")

    def _retry(self, owed: OwedReply, error: TryLaterError | InDoubtError, *, in_doubt: bool) -> None:
        pause = getattr(error, "retry_after_seconds", None)
        if pause is None:
            pause = self._backoff(owed.attempts)
        if isinstance(error, StoppingError):
            pause = 0.0
        pause = max(pause, IN_DOUBT_PAUSE_SECONDS) if in_doubt else pause
        logger.info("next attempt in %.0f s: %s", pause, error, extra=log_id(owed))
        self.reply_store.count("retries")
        self.reply_store.release(owed.interaction, self.clock.now() + pause, in_doubt=in_doubt)

    def _retry_after_bug(self, owed: OwedReply, bug: Exception) -> None:
        """Retry; after `MAX_BUGS` apologise in place of the song, and after an apology that fails too, drop it."""
        logger.error("an error on the way to the reply", exc_info=bug, extra=log_id(owed))
        bugs = self.reply_store.note_bug(owed.interaction)
        self.reply_store.count("bugs")
        if bugs >= MAX_BUGS and owed.request is None:
            self._drop(owed, f"{bugs} errors")
            return
        if bugs >= MAX_BUGS:
            self.reply_store.say_instead(owed, self.responses.apology(owed.mention))
        self.reply_store.release(owed.interaction, self.clock.now() + self._backoff(owed.attempts), in_doubt=True)

    def _backoff(self, attempts: int) -> float:
        return backoff_seconds(attempts, self.generator, longest=MAX_BACKOFF_SECONDS)

    # ------------------------------------------------------------------ the answer

    def _finished_song(self, owed: OwedReply) -> JobState | None:
        """The state of the song, ``None`` for a text. Raises ``TryLaterError`` if its result has just expired."""
        if owed.request is None:
            return None
        state = fetch_state(self.queues, owed.job)
        if state is None or state.status not in FINAL:
            raise TryLaterError("the song is not finished", retry_after_seconds=self.poll_seconds)
        return state

    def _answer(self, owed: OwedReply, song: JobState | None, folder: Path) -> Answer:
        mention, key = owed.mention, f"riffbird-{owed.mention.network}-{owed.interaction}"
        if song is None:
            return Answer(owed.text, key)
        if song.song is None:
            return Answer(self.responses.no_song(mention, song), key)
        attachment = self._attachment(owed, song.song, folder)
        if attachment is None:
            return Answer(self.responses.unplayable(mention), key)
        text = self.responses.song(mention, song.song, owed.notices)
        return Answer(text, key, attachment, may_repeat=(owed.request or {}).get("seed") is not None)

    def _attachment(self, owed: OwedReply, song: SongRecord, folder: Path) -> Attachment | None:
        """The file in the first format that fits and is not refused; ``None`` if there is none.

        Raises ``FileNotFoundError`` if the song has no file at all, ``TryLaterError`` if the store cannot be read.
        """
        media, rules = self.queues.media, self.network.media
        try:
            sizes = {extension: media.size(song.id, f"song.{extension}") for extension in rules.formats}
            usable = [one for one in rules.formats if _fits(sizes[one], song, rules) and not owed.is_refused(one)]
            extension = usable[0] if usable else None
            if extension is not None:
                path = media.fetch(song.id, f"song.{extension}", folder)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise TryLaterError(f"the song's file cannot be read: {error.strerror or type(error).__name__}") from None
        if extension is None and not any(sizes.values()):
            raise FileNotFoundError(f"song {song.id} has no file in {', '.join(rules.formats)}")
        if extension is None:
            return None
        seconds, title = song.rendition.duration_seconds, song.rendition.title
        return Attachment(path, extension, self.responses.alt_text(song), seconds, title)


def _fits(size: int | None, song: SongRecord, rules: MediaRules) -> bool:
    return size is not None and size <= rules.most_bytes and song.rendition.duration_seconds <= rules.longest_seconds
