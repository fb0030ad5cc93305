"""``riffbird serve``, ``worker`` and ``api``: start queue, workers and API. Imports are lazy, so that help is quick."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, TypeVar

import typer

from bot.cli.console import print_status
from bot.cli.errors import CommandRefusedError, require

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings

    from bot.api.settings import ApiSettings
    from worker.settings import Settings

SettingsT = TypeVar("SettingsT", bound="BaseSettings")

Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")]
Port = Annotated[int, typer.Option(help="Port to listen on.")]
Data = Annotated[Path | None, typer.Option(help="Folder for songs and the queue's data (default: data).")]
RedisUrl = Annotated[str | None, typer.Option("--redis", metavar="URL", help="A Redis or Valkey server.")]
Processes = Annotated[int | None, typer.Option(help="Worker processes, 1-64 (default: 1).")]
DeviceName = Annotated[
    Literal["auto", "cpu", "cuda"] | None,
    typer.Option("--device", help="Compose on it, in a process beside the workers; auto: in each worker."),
]
QueueName = Annotated[Literal["compose", "train"], typer.Option("--queue", help="Which jobs to work on.")]

GRACEFUL_SECONDS = 5
"""After this a stopping API closes open event streams."""


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    data: Data = None,
    redis: RedisUrl = None,
    processes: Processes = None,
) -> None:
    """Run the whole service on this machine: queue (embedded unless --redis), workers, API, timeline page."""
    require("serve")
    _stop_by_exit()
    settings, api_settings = _queue_settings(data_dir=data, redis_url=redis, processes=processes), _api_settings()
    trains = api_settings.train_api_key is not None
    if trains:
        _require_torch()
    with (
        _listening(host, port) as listener,
        _queue_server(settings, embedded=redis is None) as running,
        _workers(running, "compose"),
        _house_songs(running) if running.house_songs else nullcontext(),
        _workers(running.model_copy(update={"processes": 1}), "train") if trains else nullcontext(),
    ):
        print_status(f"riffbird: listening on http://{_shown(host)}:{port} - stop with Ctrl+C")
        _run_api(running, api_settings, listener)


def worker(
    redis: RedisUrl = None, processes: Processes = None, device: DeviceName = None, queue: QueueName = "compose"
) -> None:
    """Run worker processes that make the songs, or that train; any number of machines may work on one queue."""
    require("serve")
    from worker.monitoring.logs import configure_logging
    from worker.supervisor import Supervisor

    if queue == "train":
        _require_torch()
    settings = _queue_settings(redis_url=redis, processes=processes, device=device)
    if settings.device == "cuda" and queue == "compose":
        _require_cuda()
    configure_logging(settings.log_level)
    supervisor = Supervisor(settings, queue)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, supervisor.stop)
    supervisor.run()


def api(redis: RedisUrl = None, host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Run the HTTP API and the timeline page alone; workers run elsewhere."""
    require("serve")
    _stop_by_exit()
    settings, api_settings = _queue_settings(redis_url=redis), _api_settings()
    with _listening(host, port) as listener:
        print_status(f"riffbird: listening on http://{_shown(host)}:{port} - stop with Ctrl+C")
        _run_api(settings, api_settings, listener)


def _queue_settings(**given: Any) -> Settings:
    from worker.settings import Settings

    return _read(Settings, **given)


def _api_settings() -> ApiSettings:
    from bot.api.settings import ApiSettings

    return _read(ApiSettings)


def _require_torch() -> None:
    """A worker that cannot train would break off each training."""
    if find_spec("torch") is None:
        raise CommandRefusedError("training needs torch: pip install 'riffbird[train]'")


def _require_cuda() -> None:
    """Ask torch in another process: the supervisor loads nothing heavy. Raises ``CommandRefusedError``."""
    program = "from composer.model.arithmetic.backends import open_backend as o; o('auto', 'cuda')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603  our own
    if done.returncode:
        raise CommandRefusedError(done.stderr.strip().rpartition("\n")[2].partition(": ")[2])


def _read(kind: type[SettingsT], **given: Any) -> SettingsT:
    """From flags, the environment, ``.env``. Raises the first invalid one as a refusal, without its value."""
    from pydantic import ValidationError

    try:
        return kind(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = "RIFFBIRD_" + "_".join(str(part) for part in first["loc"]).upper()
        raise CommandRefusedError(f"{name}: {first['msg']}") from None
    except OSError as error:
        raise CommandRefusedError(f"{error.filename}: cannot be read ({error.strerror})") from None


@contextmanager
def _queue_server(settings: Settings, *, embedded: bool) -> Iterator[Settings]:
    """The settings with the server's URL: the embedded one, which runs for the time of the block, or the named one."""
    if not embedded:
        yield settings
        return
    from pydantic import SecretStr

    from worker.embedded import EmbeddedServer

    with EmbeddedServer(settings.data_dir / "redis") as url:
        yield settings.model_copy(update={"redis_url": SecretStr(url)})


@contextmanager
def _workers(settings: Settings, queue_name: str) -> Iterator[None]:
    """Worker processes for the time of the block; leaving it waits until they have stopped."""
    from worker.supervisor import Supervisor

    supervisor = Supervisor(settings, queue_name)
    thread = threading.Thread(target=supervisor.run, name=f"{queue_name} supervisor")
    thread.start()
    try:
        yield
    finally:
        supervisor.stop()
        thread.join()


@contextmanager
def _house_songs(settings: Settings) -> Iterator[None]:
    """Submit songs of the house for the time of the block, while the queue is empty."""
    from worker.connection import connect
    from worker.house import HouseThread

    thread = HouseThread(connect(settings))
    thread.start()
    try:
        yield
    finally:
        thread.stop()
        thread.join()


def _run_api(settings: Settings, api_settings: ApiSettings, listener: socket.socket) -> None:
    import uvicorn

    from bot.api.app import create_app
    from bot.api.http.protocol import timed_protocol
    from worker.client import connect
    from worker.monitoring.logs import configure_logging

    configure_logging(settings.log_level)
    config = uvicorn.Config(
        create_app(connect(settings), api_settings, durable=True),
        http=timed_protocol(api_settings.request_timeout_seconds),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=api_settings.forwarded_allow_ips,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket, created first so that a taken port is refused before anything starts."""
    if not 1 <= port <= 65535:
        raise CommandRefusedError(f"a port is a number from 1 to 65535, not {port}")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise CommandRefusedError(f"{host}:{port} cannot be listened on: {error.strerror or error}") from None
    with listener:
        # Accepted connections inherit it. Without it the second answer on a connection waits 40 ms for an ACK (Nagle).
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


def _shown(host: str) -> str:
    """The host to open in a browser on this machine."""
    return "localhost" if host in {"0.0.0.0", "::"} else f"[{host}]" if ":" in host else host  # noqa: S104  compared only


def _stop_by_exit() -> None:
    """Turn SIGTERM and Ctrl+C into an exit that runs every ``finally``; the API server passes them on when it ends."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)


def _exit(*_signal: object) -> NoReturn:
    raise SystemExit(0)
