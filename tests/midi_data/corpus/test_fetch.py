"""Fetching an archive: whole or not at all, bounded, from a real HTTP server on loopback."""

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from midi_data.corpus import fetch as fetching
from midi_data.corpus.fetch import Source, fetch, known_sources
from midi_data.errors import CorpusError


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    folder = tmp_path / "served"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_archive_is_fetched_once_with_its_progress_told(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, address = served
    (folder / "ska.tar.gz").write_bytes(b"x" * 200_000)
    heard: list[tuple[int, int | None]] = []
    source = Source("ska", "ska", f"{address}/ska.tar.gz", "CC0")
    path = fetch(source, tmp_path / "out", lambda got, whole: heard.append((got, whole)))
    assert path.read_bytes() == b"x" * 200_000
    assert heard[-1] == (200_000, 200_000)
    (folder / "ska.tar.gz").unlink()
    assert fetch(source, tmp_path / "out") == path


def test_what_is_missing_or_too_large_leaves_nothing(
    served: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = served
    (folder / "big.tar.gz").write_bytes(b"x" * 200_000)
    monkeypatch.setattr(fetching, "ARCHIVE_SIZE_LIMIT", 100_000)
    for name, words in (("none", "cannot be fetched"), ("big", "at most")):
        with pytest.raises(CorpusError, match=words):
            fetch(Source(name, "ska", f"{address}/{name}.tar.gz", ""), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_only_https_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="https"):
        fetch(Source("a", "a", "file:///etc/passwd", ""), tmp_path)


def test_every_known_source_states_its_licence() -> None:
    for name, source in known_sources().items():
        assert source.name == name
        assert source.licence
        assert source.url.startswith("https://")


def test_another_digest_is_refused_and_leaves_nothing(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, address = served
    (folder / "ska.tar.gz").write_bytes(b"ska")
    right = hashlib.sha256(b"ska").hexdigest()
    url = f"{address}/ska.tar.gz"
    with pytest.raises(CorpusError, match="SHA-256 must be 0000"):
        fetch(Source("ska", "ska", url, "CC0", "0000"), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    path = fetch(Source("ska", "ska", url, "CC0", right), tmp_path / "out")
    path.write_bytes(b"changed")
    with pytest.raises(CorpusError, match="SHA-256"):
        fetch(Source("ska", "ska", url, "CC0", right), tmp_path / "out")


def test_a_redirect_is_followed_to_a_safe_address_only(tmp_path: Path) -> None:
    class Redirects(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            target = {"/inside": "/file", "/outside": "http://example.org/file", "/disk": "file:///etc/passwd"}
            self.send_response(302 if self.path in target else 200)
            self.send_header("Location", target.get(self.path, ""))
            self.send_header("Content-Length", "0" if self.path in target else "3")
            self.end_headers()
            if self.path not in target:
                self.wfile.write(b"ska")

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirects) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        assert fetch(Source("in", "", f"{address}/inside", ""), tmp_path).read_bytes() == b"ska"
        for name in ("outside", "disk"):
            with pytest.raises(CorpusError, match=r"over https|cannot be fetched"):
                fetch(Source(name, "", f"{address}/{name}", ""), tmp_path)
        server.shutdown()
