"""The API over a real socket: deadlines of incomplete requests; answers without delay."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import uvicorn
from fastapi.testclient import TestClient

from bot.api.http.protocol import TimedProtocol, timed_protocol
from bot.cli.service import _listening
from tests.waiting import DEADLINE_SECONDS, free_port, wait_for


@dataclass
class Served:
    """The API behind a socket. ``protocols`` are those of its connections, oldest first."""

    address: tuple[str, int]
    protocols: list[TimedProtocol]


@contextmanager
def serving(client: TestClient, deadline_seconds: float) -> Iterator[Served]:
    served = Served(("127.0.0.1", free_port()), [])

    class Recorded(timed_protocol(deadline_seconds)):
        def connection_made(self, transport: object) -> None:
            served.protocols.append(self)
            super().connection_made(transport)

    server = uvicorn.Server(uvicorn.Config(client.app, http=Recorded, log_config=None, lifespan="off"))
    with _listening(*served.address) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        wait_for(lambda: server.started)
        yield served
        server.should_exit = True
        thread.join()


@pytest.fixture
def address(service_client: TestClient) -> Iterator[tuple[str, int]]:
    with serving(service_client, 0.4) as served:
        yield served.address


@pytest.fixture
def patient(service_client: TestClient) -> Iterator[Served]:
    """Deadlines that no loaded machine exceeds."""
    with serving(service_client, 600) as served:
        yield served


HALF_OPEN = [
    b"",
    b"GET /health HTT",
    b"GET /health HTTP/1.1\r\nHost: x\r\n",
    b"POST /compositions HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\nContent-Type: application/json\r\n\r\n{",
    b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /he",
]


@pytest.mark.parametrize("sent", HALF_OPEN)
def test_an_incomplete_request_is_closed(address: tuple[str, int], sent: bytes) -> None:
    with socket.create_connection(address, timeout=DEADLINE_SECONDS) as connection:
        connection.sendall(sent)
        received = list(iter(lambda: connection.recv(65536), b""))  # until the server closes; a timeout fails the test
    assert b"".join(received).count(b" 200 OK") == sent.count(b"\r\n\r\nGET")  # only complete requests are answered


def test_answers_on_a_kept_connection_are_quick(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=DEADLINE_SECONDS) as connection:
        seconds = []
        for _ in range(6):
            begin = time.perf_counter()
            connection.sendall(b"GET /genres HTTP/1.1\r\nHost: x\r\n\r\n")
            received = b""
            while not received.rstrip().endswith(b"]"):
                received += connection.recv(65536)
            seconds.append(time.perf_counter() - begin)
    assert min(seconds[1:]) < 0.03  # 44 ms without TCP_NODELAY


def test_small_answers_are_sent_at_once(patient: Served) -> None:
    """Without TCP_NODELAY each answer but the first on a connection waits 40 ms for an ACK."""
    with socket.create_connection(patient.address, timeout=DEADLINE_SECONDS) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in connection.recv(65536)
        accepted = patient.protocols[0].transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_complete_request_has_no_deadline(patient: Served) -> None:
    with socket.create_connection(patient.address, timeout=DEADLINE_SECONDS) as connection:
        connection.sendall(b"POST /compositions HTTP/1.1\r\nHost: x\r\nContent-Length: 24\r\n\r\n")
        wait_for(lambda: patient.protocols)
        assert patient.protocols[0]._deadline is not None
        for piece in (b'{"text": "x', b" /compose", b' /e"}'):
            connection.sendall(piece)
        assert b"202" in connection.recv(65536)
    assert patient.protocols[0]._deadline is None
