"""The API over a real socket: deadlines of incomplete requests, and the time of answers on one connection."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi.testclient import TestClient

from bot.api.http.protocol import timed_protocol
from bot.cli.service import _listening
from tests.bot.service import MakeClient
from tests.waiting import free_port, wait_for


@pytest.fixture
def address(service_client_with: MakeClient) -> Iterator[tuple[str, int]]:
    client: TestClient = service_client_with(request_timeout_seconds=0.4)
    port = free_port()
    config = uvicorn.Config(client.app, http=timed_protocol(0.4), log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    with _listening("127.0.0.1", port) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        wait_for(lambda: server.started)
        yield "127.0.0.1", port
        server.should_exit = True
        thread.join()


HALF_OPEN = [
    b"",
    b"GET /health HTT",
    b"GET /health HTTP/1.1\r\nHost: x\r\n",
    b"POST /compositions HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\nContent-Type: application/json\r\n\r\n{",
    b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /he",
]


@pytest.mark.parametrize("sent", HALF_OPEN)
def test_an_incomplete_request_is_closed(address: tuple[str, int], sent: bytes) -> None:
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(sent)
        while connection.recv(65536):  # ends when the server closes; a timeout fails the test
            pass


def test_answers_on_a_kept_connection_are_quick(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=5) as connection:
        seconds = []
        for _ in range(6):
            begin = time.perf_counter()
            connection.sendall(b"GET /genres HTTP/1.1\r\nHost: x\r\n\r\n")
            received = b""
            while not received.rstrip().endswith(b"]"):
                received += connection.recv(65536)
            seconds.append(time.perf_counter() - begin)
    assert min(seconds[1:]) < 0.03  # 44 ms without TCP_NODELAY


def test_a_complete_request_is_not_cut_off(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(b"POST /compositions HTTP/1.1\r\nHost: x\r\nContent-Length: 24\r\n\r\n")
        for piece in (b'{"text": "x', b" /compose", b' /e"}'):
            connection.sendall(piece)
        assert b"202" in connection.recv(65536)
