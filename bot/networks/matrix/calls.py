"""Calls to a homeserver through matrix-nio, from any thread: one event loop runs in a thread of its own.

nio neither waits nor retries here; the bot's loop decides that.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

import aiohttp
from nio import AsyncClient, AsyncClientConfig, ErrorResponse

from bot.networks.json_values import mapping
from bot.networks.matrix.reading import text
from bot.networks.protocol import CredentialsError, ForbiddenError, InDoubtError, NetworkError, TryLaterError
from bot.settings import BotSettings, plain

FINAL = {
    "M_FORBIDDEN", "M_NOT_FOUND", "M_TOO_LARGE", "M_BAD_JSON", "M_INVALID_PARAM", "M_UNRECOGNIZED",
    "M_GUEST_ACCESS_FORBIDDEN", "M_UNSUPPORTED_ROOM_VERSION", "M_INCOMPATIBLE_ROOM_VERSION",
}  # fmt: skip
BAD_TOKEN = {"M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_USER_DEACTIVATED"}
SPARE_SECONDS = 30.0  # beyond nio's own timeout, for an upload's many packets


class Caller:
    """One client of one account."""

    def __init__(self, settings: BotSettings) -> None:
        self.settings = settings
        self._client: AsyncClient | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="matrix", daemon=True)
        self._thread.start()

    def client(self) -> AsyncClient:
        """The client of this loop, made at the first call."""
        if self._client is None:
            timeout = self.settings.bot_request_timeout_seconds
            config = AsyncClientConfig(max_limit_exceeded=0, max_timeouts=0, request_timeout=timeout)
            self._client = AsyncClient(self.settings.matrix_homeserver, self.settings.matrix_user_id, config=config)
            self._client.access_token = plain(self.settings.matrix_access_token)
            self._client.user_id = self.settings.matrix_user_id
        return self._client

    def ask(self, call: Callable[[AsyncClient], Coroutine[Any, Any, Any]], *, visible: bool = False) -> Any:
        """Nio's answer to ``call``. ``visible``: a lost answer may hide an event that was sent."""
        answer = self._run(call, visible=visible)
        if isinstance(answer, ErrorResponse):
            raise _error(str(answer.status_code), str(answer.message), answer.retry_after_ms, visible=visible)
        return answer

    def get_json(self, path: str) -> Any:
        """The JSON at ``path``, whatever it is. Raises `NetworkError` for an error status."""

        async def get(client: AsyncClient) -> tuple[int, str]:
            headers = {"Authorization": f"Bearer {client.access_token}"}
            response = await client.send("GET", path, headers=headers)
            return response.status, await response.text(errors="replace")

        status, body = self._run(get)
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            raise TryLaterError(f"the homeserver answers {status} without JSON") from None
        if status >= 400:
            facts = mapping(answer)
            wait = facts.get("retry_after_ms")
            raise _error(text(facts.get("errcode")) or str(status), text(facts.get("error")), wait, visible=False)
        return answer

    def _run(self, call: Callable[[AsyncClient], Coroutine[Any, Any, Any]], *, visible: bool = False) -> Any:
        async def run() -> Any:
            return await call(self.client())

        future = asyncio.run_coroutine_threadsafe(run(), self._loop)
        try:
            return future.result(None if visible else self.settings.bot_request_timeout_seconds + SPARE_SECONDS)
        except (aiohttp.ClientError, TimeoutError, FutureTimeoutError, OSError) as error:
            future.cancel()
            lost = f"the homeserver's answer is lost: {type(error).__name__}"
            raise (InDoubtError(lost) if visible else TryLaterError(lost)) from None

    def close(self) -> None:
        """Close the connections and end the loop's thread."""
        if self._client is not None:
            asyncio.run_coroutine_threadsafe(self._client.close(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if not self._loop.is_running():
            self._loop.close()


def _error(code: str, message: str, retry_after_ms: object, *, visible: bool) -> NetworkError:
    line = f"the homeserver answers {code}: {message}"[:200]
    if code == "M_LIMIT_EXCEEDED":
        milliseconds = retry_after_ms if isinstance(retry_after_ms, int | float) else 1000
        return TryLaterError(line, retry_after_seconds=milliseconds / 1000 + 0.5)
    if code in BAD_TOKEN:
        return CredentialsError(f"the homeserver does not accept RIFFBIRD_MATRIX_ACCESS_TOKEN ({code})")
    if code in FINAL:
        return ForbiddenError(line)
    return InDoubtError(line) if visible else TryLaterError(line)
