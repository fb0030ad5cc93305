"""The operator's key, and tokens and ids that cannot be guessed (HMAC-SHA256 with a secret kept in Redis)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Annotated, cast

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from bot.api.context import CurrentService, Service
from worker.client import Queues

SECRET_KEY = "riffbird:secret"  # noqa: S105  a Redis key's name
NO_KEY = "this is off: the operator has set no key"

bearer = HTTPBearer(auto_error=False, description="the operator's key, or an asker's token where it says so")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


def keyed_hash(queues: Queues, text: str) -> str:
    """32 hexadecimal digits that depend on ``text`` and on this installation's secret."""
    return hmac.new(_secret(queues), text.encode(), hashlib.sha256).hexdigest()[:32]


def asker_token(queues: Queues, job_id: str) -> str:
    """The token that lets the asker of ``job_id`` delete it."""
    return keyed_hash(queues, f"asker {job_id}")


def matches(given: str, expected: SecretStr | str | None) -> bool:
    """Whether ``given`` is ``expected``, compared in constant time; never for an unset one."""
    if isinstance(expected, SecretStr):
        expected = expected.get_secret_value()
    return expected is not None and secrets.compare_digest(given.encode(), expected.encode())


def require_key(credentials: HTTPAuthorizationCredentials | None, key: SecretStr | None, off: str) -> None:
    """Raise 404 with the text ``off`` where no key is set, 401 for another one than ``key``."""
    if key is None:
        raise HTTPException(404, off)
    if not matches(credentials.credentials if credentials else "", key):
        raise HTTPException(401, "this needs the operator's key", {"WWW-Authenticate": "Bearer"})


def given_key(request: Request) -> str:
    """The bearer token of ``request``; empty if there is none."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def operator(service: CurrentService, credentials: Credentials) -> Service:
    """The service, if the operator's key was given. Raises 404 where none is set, 401 for another one."""
    require_key(credentials, service.settings.operator_key, NO_KEY)
    return service


Operator = Annotated[Service, Depends(operator)]


def _secret(queues: Queues) -> bytes:
    queues.connection.set(SECRET_KEY, secrets.token_hex(32), nx=True)
    return cast("bytes", queues.connection.get(SECRET_KEY))
