"""From a mention to a promise that survives us: parsed, judged, written down once, and its song queued.

Knows the reply_store and the queue; deliberately knows no network and does not answer anybody: that is `bot.replies`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from bot.commands.fields import as_command
from bot.commands.parser import ParsedText, again, parse
from bot.commands.responses import Responses
from bot.networks.protocol import Mention, Network, NetworkError, job_id
from bot.owed_reply import OwedReply
from bot.rate_limits import Person, RateLimits, Verdict, check_song, check_text, wait_seconds
from bot.reply_store import ReplyStore
from composer.genre_store import spellings
from composer.request import ComposeRequest
from worker.client import QueueFullError, Queues, ReplyTask, Submission, submit

logger = logging.getLogger(__name__)

REPLY_JOB = "bot.replies.reply"
LONG_WAIT_SECONDS = 30


class CrashPoint(StrEnum):
    """The moments between reading and remembering at which a process may die; tests kill it at each of them."""

    READ = "read, nothing written"
    ACCEPTED = "promised, no song queued"
    QUEUED = "song queued, cursor not moved"
    CURSOR_MOVED = "cursor moved"
    CLAIMED = "claim, nothing uploaded"
    MARKED_POSTING = "uploaded, about to post"
    POSTED = "posted, not remembered"
    COMPLETED = "remembered"


CrashHook = Callable[[CrashPoint], None]


def no_crash(point: CrashPoint) -> None:
    """Outside of tests nothing happens at these points."""


@dataclass(frozen=True)
class Intake:
    """One network's ear."""

    network: Network
    reply_store: ReplyStore
    queues: Queues
    limits: RateLimits
    words: Responses
    catch_up_seconds: float
    crash_hook: CrashHook = no_crash

    def accept(self, mention: Mention, now: float) -> None:
        """Make ``mention`` safe: afterwards it is promised and queued, or will never be answered. May be repeated."""
        if mention.is_automated or mention.written_at < now - self.catch_up_seconds:
            return
        parsed = parse(mention.text, genres=spellings())
        if parsed.kind == "none":
            return
        if parsed.kind == "stop":
            self.reply_store.stop(mention.author_id)
            return
        owed = self.reply_store.accept(mention, lambda person: self._decide(mention, parsed, person, now), now)
        self.crash_hook(CrashPoint.ACCEPTED)
        if owed is not None and owed.state == "claimed":
            self.queue_song(owed)
            self.crash_hook(CrashPoint.QUEUED)

    def queue_song(self, owed: OwedReply) -> None:
        """Hand the promised song to the workers, once: the job is named after the interaction."""
        if owed.request is None:
            return
        request = ComposeRequest.model_validate(owed.request)
        mention = owed.mention
        try:
            submission = submit(
                self.queues, request, job_id=owed.job, formats=self.network.media.formats,
                reply=ReplyTask(REPLY_JOB, {"network": mention.network, "interaction": mention.interaction}),
                text=as_command(request), listed=not mention.is_private and mention.visibility in ("", "public"),
            )  # fmt: skip
        except QueueFullError as full:
            self.reply_store.say_instead(owed, self.words.queue_full(mention, full.retry_after_seconds))
        else:
            self._tell_position(mention, submission)

    def _tell_position(self, mention: Mention, submission: Submission) -> None:
        """A long wait is told once, where the network's manners allow it. It may be lost; the song may not."""
        long = submission.created and submission.eta_seconds >= LONG_WAIT_SECONDS
        if not long or not self.network.limits.sends_position:
            return
        try:
            self.network.tell(mention, self.words.queued(mention, submission))
        except NetworkError as error:
            logger.info("%s: the wait could not be told: %s", mention.interaction, error)

    def _decide(self, mention: Mention, parsed: ParsedText, person: Person, now: float) -> OwedReply | None:
        """What is owed for ``parsed``, given who asks; pure, since the reply_store may ask twice."""
        if parsed.kind == "again":
            parsed = self._repeated(mention, parsed)
        if parsed.kind != "compose" or parsed.request is None:
            silent = check_text(person, self.limits) is Verdict.IGNORED
            return None if silent else OwedReply(mention, words=self.words.answer(mention, parsed))
        verdict = check_song(person, self.limits, now)
        if verdict is Verdict.IGNORED:
            return None
        if verdict is not Verdict.ALLOWED:
            text = self.words.limit(mention, verdict, self.limits, wait_seconds(person, self.limits, now))
            return OwedReply(mention, words=text, is_limit_notice=True)
        job = job_id(mention.network, mention.interaction)
        return OwedReply(mention, request=parsed.request.model_dump(mode="json"), job=job, notices=parsed.notices)

    def _repeated(self, mention: Mention, parsed: ParsedText) -> ParsedText:
        """``/again``: the song replied to, with a seed still to be drawn."""
        previous = self.reply_store.song_for(mention)
        if previous is None:
            return parsed
        return again(ComposeRequest.model_validate(previous), parsed, genres=spellings())
