"""X's chunked media upload of API version 2, which tweepy lacks: initialize, append, finalize, wait until processed.

https://docs.x.com/x-api/media/quickstart/media-upload-chunked. Nothing becomes visible, so every step may be repeated.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import requests

from bot.networks.protocol import Attachment, ForbiddenError, NetworkError, TryLaterError, UploadRefusedError
from bot.networks.retry import Clock, with_retries
from bot.networks.x.auth import XClient
from bot.networks.x.limits import x_errors

logger = logging.getLogger(__name__)

Category = Literal["tweet_video", "dm_video"]
SEGMENT_BYTES = 4 * 1024 * 1024  # the API takes up to 5 MB a segment
MAX_WAIT_SECONDS = 240.0
USUAL_WAIT_SECONDS = 5.0

Result = TypeVar("Result")


class Uploader:
    """Uploads videos through one client."""

    def __init__(
        self, client: XClient, clock: Clock, generator: random.Random, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        self.client = client
        self.clock = clock
        self.generator = generator
        self.segment_bytes = segment_bytes

    def upload(self, attachment: Attachment, category: Category) -> str:
        """The id of the processed video. Raises ``UploadRefusedError`` if X does not accept or cannot process it."""
        try:
            return self._uploaded(attachment, category)
        except ForbiddenError as error:
            raise UploadRefusedError(str(error)) from None

    def _uploaded(self, attachment: Attachment, category: Category) -> str:
        media_id = self._initialize(attachment.path, category)
        for index, segment in enumerate(_segments(attachment.path, self.segment_bytes)):
            self._append(media_id, index, segment)
        self._wait(media_id, self._finalize(media_id))
        self._describe(media_id, attachment.alt_text)
        return media_id

    def probe(self) -> None:
        """Begin an upload and leave it: shows that these keys may write."""
        self._begin(1024, "tweet_video")

    def _initialize(self, path: Path, category: Category) -> str:
        return str(self._with_retries(lambda: self._begin(path.stat().st_size, category)))

    def _begin(self, total_bytes: int, category: Category) -> str:
        body = {"media_type": "video/mp4", "total_bytes": total_bytes, "media_category": category}
        answer = self._call("POST", "/2/media/upload/initialize", json=body)
        return str(answer["data"]["id"])

    def _append(self, media_id: str, index: int, segment: bytes) -> None:
        def send() -> requests.Response:
            with x_errors(self.clock):
                route = f"/2/media/upload/{media_id}/append"
                return self.client.send_file(route, {"segment_index": str(index)}, "media", segment)

        self._with_retries(send)

    def _finalize(self, media_id: str) -> dict[str, Any]:
        """The processing info. After a lost answer the status is asked instead of finalizing twice."""
        try:
            answer = self._call("POST", f"/2/media/upload/{media_id}/finalize")
        except TryLaterError as error:
            if error.retry_after_seconds is not None:
                raise
            return {"state": "pending", "check_after_secs": 1}
        return _processing(answer)

    def _wait(self, media_id: str, info: dict[str, Any]) -> None:
        """Wait until X has processed the video: posting it earlier is error 324."""
        waited = 0.0
        while info["state"] != "succeeded":
            if info["state"] == "failed":
                reason = info.get("error", {}).get("message", "no reason given")
                raise UploadRefusedError(f"X cannot process the video: {reason}")
            pause = float(info.get("check_after_secs") or USUAL_WAIT_SECONDS)
            waited += pause
            if waited > MAX_WAIT_SECONDS:
                raise TryLaterError(f"X has not processed the video in {MAX_WAIT_SECONDS:.0f} s")
            self.clock.sleep(pause)
            info = self._with_retries(lambda: self._status(media_id))

    def _status(self, media_id: str) -> dict[str, Any]:
        try:
            return _processing(self._call("GET", "/2/media/upload", params={"command": "STATUS", "media_id": media_id}))
        except ForbiddenError:  # finalize never arrived: begin again
            raise TryLaterError("X does not know the upload", retry_after_seconds=1.0) from None

    def _describe(self, media_id: str, alt_text: str) -> None:
        """Set the alt text. The song is posted without it if that fails."""
        body = {"id": media_id, "metadata": {"alt_text": {"text": alt_text}}}
        try:
            self._call("POST", "/2/media/metadata", json=body)
        except NetworkError as error:
            logger.info("no alt text at X: %s", error)

    def _call(self, method: str, route: str, params: Any = None, json: Any = None) -> dict[str, Any]:
        with x_errors(self.clock):
            answer: dict[str, Any] = self.client.request(method, route, params=params, json=json).json()
            return answer

    def _with_retries(self, call: Callable[[], Result]) -> Result:
        return with_retries(call, self.clock, self.generator)


def _processing(answer: dict[str, Any]) -> dict[str, Any]:
    """Without ``processing_info`` there was nothing to process."""
    info: dict[str, Any] = answer["data"].get("processing_info") or {"state": "succeeded"}
    return info


def _segments(path: Path, segment_bytes: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        while segment := file.read(segment_bytes):
            yield segment
