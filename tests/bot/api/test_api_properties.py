"""Random requests to the API: no 500, and every error is a problem in one line."""

import json
import random
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from tests.bot.commands.test_parser_properties import random_text
from tests.bot.service import MakeClient

FIELDS = (
    "text", "title", "genre", "genres", "tempo", "tempo_bpm", "randomness", "length", "band", "parts", "key", "chords",
    "seed", "sampling", "formats", "volume",
)  # fmt: skip
PATHS = (
    "/", "/admin", "/health", "/ready", "/metrics", "/genres", "/timeline", "/openapi.json", "/compositions",
    "/trainings", "/moderation", "/songs/x", "/compositions/x", "/compositions/x/events", "/compositions/x/notes",
    "/nowhere",
    "/compositions/x/song.mid", "/compositions/x/song.exe", "/compositions/x/report", "/trainings/x/checkpoint",
    "/assets/main.js",
    "/assets/../pyproject.toml", "/assets/%2e%2e/x", "/compositions/%00", "/songs/" + "y" * 200, "/timeline?before=0",
    "/timeline?before=x&limit=-1", "/timeline?before=99999999999999999999",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "BREW")
KEY = "k" * 24


def random_json(generator: random.Random, depth: int = 0) -> Any:
    """Any JSON value, also those that no client should send."""
    kind = generator.randrange(10 if depth < 4 else 7)
    if kind < 3:
        return random_text(generator)
    if kind < 7:
        return generator.choice((None, True, 0, -1, 160, 1.5, 10**30, float("nan"), float("inf"), "", "160", 10**400))
    if kind < 9:
        return [random_json(generator, depth + 1) for _ in range(generator.randrange(4))]
    return {generator.choice(("program", "tonic", "metal", "x")): random_json(generator, depth + 1) for _ in range(2)}


def random_body(generator: random.Random) -> bytes:
    kind = generator.randrange(8)
    if kind == 0:
        return generator.randbytes(generator.randrange(60))
    if kind == 1:
        depth = generator.randrange(6000)
        return b'{"band": ' + b"[" * depth + b"]" * depth + b"}"
    names = generator.sample(FIELDS, generator.randrange(5))
    body = json.dumps({name: random_json(generator) for name in names}).encode()
    return body[: generator.randrange(len(body))] if kind == 2 else body


def random_headers(generator: random.Random) -> dict[str, str]:
    chosen = {
        "Content-Type": (
            "application/json",
            "multipart/form-data; boundary=b",
            "multipart/form-data",
            "text/plain",
            "x",
        ),
        "Idempotency-Key": ("k", "x" * 300, "\x7f"),
        "Authorization": (f"Bearer {KEY}", "Bearer", "Basic x", ""),
        "Range": ("bytes=0-", "bytes=5-1", "bytes=-", "x"),
        "X-Request-ID": ("a", "a b", "x" * 100),
        "Accept-Encoding": ("gzip",),
    }
    return {name: generator.choice(values) for name, values in chosen.items() if generator.random() < 0.3}


def send(client: TestClient, generator: random.Random) -> httpx.Response:
    if generator.random() < 0.6:
        headers = {"Content-Type": "application/json"} | random_headers(generator)
        return client.post("/compositions", content=random_body(generator), headers=headers)
    method, path = generator.choice(METHODS), generator.choice(PATHS)
    body = random_body(generator) if method in ("POST", "PUT", "PATCH") else None
    return client.request(method, path, content=body, headers=random_headers(generator))


def check(answer: httpx.Response) -> None:
    assert answer.status_code < 500 or answer.status_code == 503
    assert len(answer.headers["x-request-id"]) <= 64
    assert answer.headers["x-content-type-options"] == "nosniff"
    # Starlette's static files answer errors as plain text.
    is_asset = answer.request.url.path.startswith("/assets")
    is_page = is_asset or answer.headers.get("content-type", "").startswith("text/html")
    if answer.status_code >= 400 and answer.request.method != "HEAD" and not is_page:
        problem = answer.json()
        assert set(problem) == {"detail", "request_id"}
        assert problem["detail"]
        assert "\n" not in problem["detail"]
    if answer.status_code in (429, 503):
        assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("count", [400, pytest.param(20_000, marks=pytest.mark.slow)])
def test_random_requests_are_answered(service_client_with: MakeClient, count: int) -> None:
    client = service_client_with(
        rate_limit_songs=10**6, queue_limit=10**6, operator_key=KEY, train_api_key=KEY, raise_errors=False
    )
    generator = random.Random(count)
    for number in range(count):
        answer = send(client, generator)
        try:
            check(answer)
        except Exception as error:
            asked = answer.request
            sent = f"{asked.method} {asked.url} {dict(asked.headers)} {asked.content[:300]!r}"
            raise AssertionError(f"{number}: {sent} -> {answer.status_code} {answer.text[:300]}") from error
