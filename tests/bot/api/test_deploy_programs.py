"""The deployment files, read and run by the programs they are for; skipped where such a program is not installed."""

import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from tests.bot.service import ROOT
from tests.waiting import free_port, wait_for

DEPLOY = ROOT / "docs" / "deploy"
PROXY_PARAMETERS = """
proxy_set_header Host $http_host;
proxy_set_header X-Real-IP $remote_addr;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme;
"""
"""Debian's and Ubuntu's ``/etc/nginx/proxy_params``."""


def program(name: str) -> str:
    """The path of a program, also where only root has it on the path."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


class _Backend(BaseHTTPRequestHandler):
    """Stands in for the API: an event stream that goes on when the test says so; elsewhere the forwarded addresses."""

    going_on = threading.Event()

    def do_GET(self) -> None:
        is_stream = self.path.endswith("/events")
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if is_stream else "text/plain")
        self.send_header("Connection", "close")
        self.end_headers()
        if is_stream:
            self.wfile.write(b"data: first\n\n")
            self.wfile.flush()
            self.going_on.wait(60)
            self.wfile.write(b"data: second\n\n")
        else:
            self.wfile.write(self.headers.get("X-Forwarded-For", "none").encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class names it so
        """Log nothing."""


@contextmanager
def backend() -> Iterator[int]:
    _Backend.going_on.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Backend) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        _Backend.going_on.set()
        server.shutdown()


@contextmanager
def caddy(folder: Path, port: int, upstream: int) -> Iterator[str]:
    """Caddy with the example's rules, without TLS."""
    text = (DEPLOY / "Caddyfile").read_text()
    subprocess.run(  # the file as it stands, certificate included
        [program("caddy"), "validate", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile"],
        check=True, capture_output=True, env={"HOME": str(folder)},
    )  # fmt: skip
    text = text.replace("band.example {", f"http://127.0.0.1:{port} {{").replace(":8000", f":{upstream}")
    (folder / "Caddyfile").write_text("{\n\tadmin off\n}\n" + text)
    words = [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    with running(words, f"http://127.0.0.1:{port}", folder):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def nginx(folder: Path, port: int, upstream: int) -> Iterator[str]:
    """Nginx with the example's server block and a certificate of the test."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
         "-days", "1", "-subj", "/CN=band.example"], check=True, capture_output=True,
    )  # fmt: skip
    (folder / "proxy_params").write_text(PROXY_PARAMETERS)
    live = "/etc/letsencrypt/live/band.example"
    block = (DEPLOY / "nginx.conf").read_text()
    for given, ours in (
        (f"{live}/fullchain.pem", str(certificate)), (f"{live}/privkey.pem", str(key)),
        ("/etc/nginx/proxy_params", str(folder / "proxy_params")), (":8000", f":{upstream}"),
        ("listen 443", f"listen 127.0.0.1:{port}"), ("    listen [::]:443 ssl http2;\n", ""),
    ):  # fmt: skip
        assert given in block, given
        block = block.replace(given, ours)
    paths = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; events {{}} http {{ access_log off; {paths} {block} }}"
    )
    words = [program("nginx"), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    with running(words, f"https://127.0.0.1:{port}", folder):
        yield f"https://127.0.0.1:{port}"


@contextmanager
def running(words: list[str], url: str, folder: Path) -> Iterator[None]:
    with subprocess.Popen(words, env={"HOME": str(folder)}, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: process.poll() is None and answers(url), 60)
            yield
        finally:
            process.terminate()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, verify=False).status_code == 200  # noqa: S501  a certificate of the test
    except (httpx.TransportError, ssl.SSLError):
        return False


@pytest.mark.parametrize("proxy", [caddy, nginx])
def test_a_proxy_passes_events_on_at_once_and_keeps_the_operators_pages(proxy: type, tmp_path: Path) -> None:
    with (
        backend() as upstream,
        proxy(tmp_path, free_port(), upstream) as url,
        httpx.Client(base_url=url, verify=False, timeout=60) as client,  # noqa: S501  a certificate of the test
    ):
        for path in ("/metrics", "/admin"):
            assert client.get(path).status_code == 404
        # The address that connects stands last: uvicorn takes the last one that is not a trusted proxy's.
        spoofed = client.get("/", headers={"X-Forwarded-For": "198.51.100.7"}).text
        assert spoofed.rpartition(", ")[2] == "127.0.0.1"
        with client.stream("GET", "/compositions/x/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "data: first"
            assert not _Backend.going_on.is_set()
            _Backend.going_on.set()
            assert "data: second" in list(lines)


@pytest.mark.parametrize("unit", sorted(DEPLOY.glob("*.service")), ids=lambda path: path.name)
def test_systemd_accepts_a_unit(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text().replace("/opt/riffbird/bin/riffbird", str(Path(sys.executable).with_name("riffbird")))
    (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        [program("systemd-analyze"), "verify", tmp_path / unit.name], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def compose() -> tuple[list[str], bool]:
    """Compose as a plugin of docker or as a program, and whether it is version 1."""
    if (
        shutil.which("docker")
        and not subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode
    ):
        return ["docker", "compose"], False
    words = [program("docker-compose")]
    version = subprocess.run([*words, "version", "--short"], capture_output=True, text=True, check=True).stdout
    return words, version.startswith("1.")


def test_compose_reads_the_compose_file(tmp_path: Path) -> None:
    words, is_first = compose()
    text = (ROOT / "docker-compose.yml").read_text()
    (tmp_path / "docker-compose.yml").write_text(text.replace("name: riffbird\n", "") if is_first else text)
    command = [*words, "-f", "docker-compose.yml", "-f", DEPLOY / "publish-redis.yml"]
    command += [flag for profile in ("bot", "train", "gpu") for flag in ("--profile", profile)]
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}

    def read(**more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, "config"], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment | more
        )

    assert "set a password for the queue" in read().stderr
    done = read(RIFFBIRD_REDIS_PASSWORD="p", RIFFBIRD_REDIS_PUBLISH="10.0.0.5:6379")
    assert done.returncode == 0, done.stderr
    for service in ("redis:", "api:", "worker:", "worker-gpu:", "worker-train:", "bot:"):
        assert f"  {service}" in done.stdout
