"""What follows when a person deletes their question: the answer, its song and everything stored about it go too."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from bot.log_context import log_id
from bot.networks.protocol import Network, NetworkError
from bot.reply_store import ReplyStore
from bot.state.owed_reply import OwedReply
from worker.client import Queues, delete_song

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deletions:
    """Deletes what belongs to deleted questions of one network."""

    network: Network
    reply_store: ReplyStore
    queues: Queues

    def delete(self, interaction: str) -> None:
        """Delete the answer to ``interaction``, or owe none any more. Unknown interactions are ignored."""
        owed = self.reply_store.find(interaction)
        if owed is None:
            return
        logger.info("the question was deleted", extra=log_id(owed))
        self.reply_store.count("questions_deleted")
        if owed.state == "posted" and owed.reply_id:
            self._delete_reply(owed)
        elif not owed.is_over:
            self.reply_store.complete(owed, "dropped")
        if owed.job:
            delete_song(self.queues, owed.job)

    def _delete_reply(self, owed: OwedReply) -> None:
        try:
            self.network.delete_reply(owed.mention, owed.reply_id)
        except NetworkError as error:
            logger.warning("the answer was not deleted: %s", error, extra=log_id(owed))
