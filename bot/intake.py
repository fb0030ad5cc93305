"""From a mention to a stored owed reply: parses it, applies the rate limits and queues the song.

Posts no replies: that is `bot.replies`.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.commands.fields import as_command
from bot.commands.grammar import RevisionVerb
from bot.commands.parser import ParsedText, parse
from bot.commands.responses import Responses
from bot.commands.revising.revise import revise, revision_verb
from bot.log_context import ignored_id, log_id
from bot.networks.protocol import Mention, Network, NetworkError, job_id
from bot.rate_limits import Person, RateLimits, Verdict, check_song, check_text, wait_seconds
from bot.reply_store import ReplyStore
from bot.state.owed_reply import OwedReply
from bot.threads import is_public, revision_of
from composer.genre_store import spellings
from composer.request import ComposeRequest
from worker.client import QueueFullError, Queues, Revision, Submission, submit

logger = logging.getLogger(__name__)

LONG_WAIT_SECONDS = 30


class CrashPoint(StrEnum):
    """Moments at which a process may die; tests kill it at each of them."""

    READ = "read, nothing stored"
    ACCEPTED = "stored, no song queued"
    QUEUED = "song queued, cursor not moved"
    CURSOR_MOVED = "cursor moved"
    CLAIMED = "claimed, nothing uploaded"
    MARKED_POSTING = "uploaded, about to post"
    POSTED = "posted, not recorded"
    COMPLETED = "recorded"


CrashHook = Callable[[CrashPoint], None]


def no_crash(point: CrashPoint) -> None:
    """The hook outside of tests: does nothing."""


@dataclass(frozen=True)
class Intake:
    """Accepts the mentions of one network."""

    network: Network
    reply_store: ReplyStore
    queues: Queues
    limits: RateLimits
    responses: Responses
    catch_up_seconds: float
    crash_hook: CrashHook = no_crash

    def accept(self, mention: Mention, now: float, *, since: float = 0.0, in_doubt: bool = False) -> None:
        """Store what is owed for ``mention`` and queue its song; idempotent.

        Mentions written before ``since`` or longer ago than the catch-up time are ignored. With ``in_doubt`` the
        network is asked for an existing reply before one is posted.
        """
        oldest = max(now - self.catch_up_seconds, since)
        if mention.is_automated or mention.written_at < oldest:
            return
        parsed = parse(mention.text, genres=spellings())
        if parsed.kind == "none":
            return
        owed = self.reply_store.accept(
            mention, lambda person: self._decide(mention, parsed, person, now), now, in_doubt=in_doubt
        )
        self.crash_hook(CrashPoint.ACCEPTED)
        self.reply_store.count("mentions_ignored" if owed is None else "mentions_accepted")
        extra = ignored_id(mention) if owed is None else log_id(owed)
        logger.info("mention %s: %s", "ignored" if owed is None else "accepted", parsed.kind, extra=extra)
        if owed is not None and owed.state == "waiting":
            self.queue_song(owed)
            self.crash_hook(CrashPoint.QUEUED)

    def queue_song(self, owed: OwedReply) -> None:
        """Queue the song that ``owed`` asks for, once: the job is named after the interaction.

        Raises ``ValueError`` if the stored request is not valid in this version.
        """
        if owed.request is None:
            return
        request = ComposeRequest.model_validate(owed.request)
        revision = Revision.model_validate(owed.revision) if owed.revision else None
        mention = owed.mention
        try:
            submission = submit(
                self.queues, request, job_id=owed.job, formats=self.network.media.formats,
                text=as_command(request),
                listed=mention.is_public and is_public(self.queues, revision), revision=revision,
            )  # fmt: skip
        except QueueFullError as full:
            self.reply_store.say_instead(owed, self.responses.queue_full(mention, full.retry_after_seconds))
        else:
            self._tell_position(owed, submission)

    def _tell_position(self, owed: OwedReply, submission: Submission) -> None:
        """Post the place in the queue before a long wait, where the network allows it. It may be lost."""
        is_long = submission.created and submission.eta_seconds >= LONG_WAIT_SECONDS
        if not is_long or not self.network.limits.sends_position:
            return
        try:
            self.network.tell(owed.mention, self.responses.queued(owed.mention, submission))
        except NetworkError as error:
            logger.info("the place in the queue was not posted: %s", error, extra=log_id(owed))

    def _decide(self, mention: Mention, parsed: ParsedText, person: Person, now: float) -> OwedReply | None:
        """What is owed for ``parsed`` to ``person``; pure, since the store may call it twice."""
        if parsed.kind in ("stop", "start"):
            return self._opt_change(mention, parsed, person)
        verb, revision = revision_verb(parsed), None
        if verb is not None:
            parsed, revision = self._revised(mention, parsed, verb)
        if parsed.kind != "compose" or parsed.request is None:
            is_ignored = check_text(person, self.limits) is Verdict.IGNORED
            return None if is_ignored else OwedReply(mention, text=self.responses.answer(mention, parsed))
        verdict = check_song(person, self.limits, now)
        if verdict is Verdict.IGNORED:
            return None
        if verdict is not Verdict.ALLOWED:
            text = self.responses.limit(mention, verdict, self.limits, wait_seconds(person, self.limits, now))
            return OwedReply(mention, text=text, is_limit_notice=True)
        # The store keeps the first id, so one that cannot be guessed is safe to draw.
        job = job_id(mention.network, mention.interaction if mention.is_public else secrets.token_hex(16))
        return OwedReply(
            mention, request=parsed.request.model_dump(mode="json"), job=job, notices=parsed.notices,
            revision=revision.model_dump(mode="json") if revision else None,
        )  # fmt: skip

    def _opt_change(self, mention: Mention, parsed: ParsedText, person: Person) -> OwedReply | None:
        """The confirmation of an opt-out or of its end; ``None`` if nothing changes."""
        if person.blocked or person.stopped == (parsed.kind == "stop"):
            return None
        if parsed.kind == "stop":
            return OwedReply(mention, text=self.responses.answer(mention, parsed), opt_change="out")
        if check_text(replace(person, stopped=False), self.limits) is Verdict.IGNORED:
            return None
        return OwedReply(mention, text=self.responses.answer(mention, parsed), opt_change="in")

    def _revised(self, mention: Mention, parsed: ParsedText, verb: RevisionVerb) -> tuple[ParsedText, Revision | None]:
        """The request that the words make of the song replied to; unchanged words where there is no such song."""
        previous = self.reply_store.song_for(mention)
        if previous is None:
            return parsed, None
        record = self.queues.songs.find(previous.job) if previous.job else None
        request = ComposeRequest.model_validate(previous.request)
        facts = record.rendition if record else None
        made = revise(
            verb, request, parsed, facts, from_file=record is not None and record.from_file, genres=spellings()
        )
        if made.parsed.request is None or record is None:
            return made.parsed, None
        told = (f"{made.difference[0].upper()}{made.difference[1:]}.", *made.parsed.notices)
        return replace(made.parsed, notices=told), revision_of(verb, record, made)
