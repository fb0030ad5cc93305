"""A real Matrix homeserver on loopback: Synapse, in a virtual environment of its own, used by tests only (it is AGPL).

The environment is made at the first use from the package index, or named by ``RIFFBIRD_SYNAPSE_PYTHON``.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.waiting import DEADLINE_SECONDS, free_port, wait_for

REQUIREMENT = "matrix-synapse>=1.120,<2"

CONFIGURATION = """
server_name: localhost
pid_file: {folder}/homeserver.pid
listeners:
  - {{port: {port}, type: http, bind_addresses: ["127.0.0.1"], tls: false, resources: [{{names: [client]}}]}}
database: {{name: sqlite3, args: {{database: "{folder}/homeserver.db"}}}}
log_config: {folder}/log.yaml
media_store_path: {folder}/media
signing_key_path: {folder}/signing.key
macaroon_secret_key: {secret}
form_secret: {secret}
registration_shared_secret: {secret}
report_stats: false
trusted_key_servers: []
enable_registration: true
enable_registration_without_verification: true
rc_message: {{per_second: {rate}, burst_count: {rate}}}
rc_registration: {{per_second: 1000, burst_count: 1000}}
rc_login: {{address: {{per_second: 1000, burst_count: 1000}}, account: {{per_second: 1000, burst_count: 1000}}}}
rc_joins: {{local: {{per_second: 1000, burst_count: 1000}}}}
rc_invites: {{per_room: {{per_second: 1000, burst_count: 1000}}, per_user: {{per_second: 1000, burst_count: 1000}}}}
rc_media_create: {{per_second: 1000, burst_count: 1000}}
"""
LOGGING = "version: 1\nroot: {level: WARNING}\n"


@dataclass
class Person:
    """Somebody with an account, through plain HTTP: an independent client."""

    url: str
    user_id: str
    token: str
    since: str = ""
    seen: list[dict[str, Any]] = field(default_factory=list)

    def call(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = httpx.request(method, f"{self.url}/_matrix/client/v3{path}", headers=headers, json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def room(self, *invited: str, private: bool = False) -> str:
        return self.call("POST", "/createRoom", invite=list(invited), is_direct=private, preset="private_chat")[
            "room_id"
        ]

    def say(self, room: str, body: str, **content: Any) -> str:
        body = {"msgtype": "m.text", "body": body} | content
        return self.call("PUT", f"/rooms/{room}/send/m.room.message/{secrets.token_hex(8)}", **body)["event_id"]

    def messages(self, room: str) -> list[dict[str, Any]]:
        return self.call("GET", f"/rooms/{room}/messages?dir=b&limit=100")["chunk"]

    def answers_to(self, room: str, event_id: str, by: str) -> list[dict[str, Any]]:
        return [
            event
            for event in self.messages(room)
            if event["sender"] == by
            and event["content"].get("m.relates_to", {}).get("m.in_reply_to", {}).get("event_id") == event_id
        ]

    def download(self, uri: str) -> bytes:
        path = uri.removeprefix("mxc://")
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = httpx.get(f"{self.url}/_matrix/client/v1/media/download/{path}", headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.content


@dataclass
class Synapse:
    url: str

    def register(self, name: str) -> Person:
        body = {"username": name, "password": secrets.token_hex(8), "auth": {"type": "m.login.dummy"}}
        answer = httpx.post(f"{self.url}/_matrix/client/v3/register", json=body, timeout=60)
        answer.raise_for_status()
        return Person(self.url, answer.json()["user_id"], answer.json()["access_token"])


def synapse_python() -> Path:
    """The interpreter that has Synapse; skips the test with the reason where it cannot be had."""
    named = os.environ.get("RIFFBIRD_SYNAPSE_PYTHON")
    if named:
        return Path(named)
    folder = Path(tempfile.gettempdir()) / f"riffbird-synapse-{os.getuid()}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", REQUIREMENT]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"Synapse cannot be installed here: {done.stderr.strip().splitlines()[-1:]}")
        (folder / "ready").touch()
    return python


@contextmanager
def running_synapse(folder: Path, rate: int = 1000) -> Iterator[Synapse]:
    """A homeserver for the time of the block."""
    python = synapse_python()
    port = free_port()
    configuration = folder / "homeserver.yaml"
    text = CONFIGURATION.format(folder=folder, port=port, secret=secrets.token_hex(16), rate=rate)
    configuration.write_text(text, encoding="utf-8")
    (folder / "log.yaml").write_text(LOGGING, encoding="utf-8")
    command = [python, "-m", "synapse.app.homeserver", "-c", configuration]
    subprocess.run([*command, "--generate-keys"], check=True, capture_output=True, cwd=folder)
    with (folder / "synapse.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, process)
        yield Synapse(url)
    finally:
        process.terminate()
        process.wait(DEADLINE_SECONDS)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    def is_ready() -> bool:
        assert process.poll() is None, "Synapse ended before it was ready"
        try:
            return httpx.get(f"{url}/health", timeout=10).status_code == 200
        except httpx.TransportError:
            return False  # it is not listening yet

    wait_for(is_ready)
