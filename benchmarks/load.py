"""Load tests of a service of their own: ``python benchmarks/load.py --workers 1 2 4``. Loopback only.

For each number of workers it starts ``riffbird serve`` in a temporary folder, warms it up, and then, by ``--test``:

- ``burst``: asks for all songs at once. Songs a minute, time to song and queue wait (p50, p95), refusals, memory.
- ``goodput``: measures the capacity for a minute, then asks for ``--factor`` times as many songs for ``--minutes``.
- ``restart``: kills everything (SIGKILL) under a queue of ``--songs`` and starts it again: seconds to the first song.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx

PAUSE_SECONDS = 0.1
"""Between two polls of a song's status (longer above 20 songs): the error of every time below."""
SETTLED = {"done", "refused", "failed"}
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Song:
    """The outcome of one request; seconds since it was sent."""

    status: int
    outcome: str = "refused"
    waited: float = 0.0
    seconds: float = 0.0
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """One row of the report: seconds, and peak memory of each process in MiB."""

    workers: int
    asked: int
    statuses: dict[str, int]
    outcomes: dict[str, int]
    counted_done: int
    songs_a_minute: float
    song_p50: float
    song_p95: float
    wait_p50: float
    wait_p95: float
    memory: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Goodput:
    """Songs a minute under overload. ``share`` is goodput over capacity; memory of all processes in MiB."""

    workers: int
    capacity: float
    asked: float
    goodput: float
    share: float
    answers: dict[str, int]
    refused_without_retry_after: int
    memory_before: int
    memory_after: int


@dataclass(frozen=True, slots=True)
class Restart:
    """A restart with songs waiting; seconds from the start of ``riffbird serve``."""

    workers: int
    accepted: int
    done: int
    ready_seconds: float
    first_song_seconds: float


def main() -> None:
    """Measure and report."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the service under test is stopped too
    test = {"burst": measure, "goodput": measure_goodput, "restart": measure_restart}[options.test]
    for result in (test(workers, options) for workers in options.workers):
        as_row = isinstance(result, Result) and not options.json
        sys.stdout.write((_row(result) if as_row else json.dumps(asdict(result))) + "\n")
        sys.stdout.flush()


def measure(workers: int, options: argparse.Namespace) -> Result:
    """All songs at once."""
    with (
        tempfile.TemporaryDirectory(prefix="riffbird-load-") as folder,
        service(workers, options, Path(folder)) as served,
    ):
        url, pid = served
        with httpx.Client(base_url=url, timeout=60) as client, watched(pid) as memory:
            _warm_up(client, workers, options)
            before = _done(client)
            begun = time.monotonic()
            with ThreadPoolExecutor(options.songs) as pool:
                songs = list(pool.map(lambda number: ask(client, number, options), range(options.songs)))
            return _result(workers, songs, time.monotonic() - begun, _done(client) - before, memory)


def measure_goodput(workers: int, options: argparse.Namespace) -> Goodput:
    """Songs a minute while more is asked for than can be made."""
    with (
        tempfile.TemporaryDirectory(prefix="riffbird-load-") as folder,
        service(workers, options, Path(folder)) as (url, pid),
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        _warm_up(client, workers, options)
        capacity = _capacity(client, options)
        memory_before, answers = _memory(pid), _Answers()
        with ThreadPoolExecutor(64) as pool:
            before, begun = _done(client), time.monotonic()
            for number in _arrivals(options.factor * capacity / 60, options.minutes * 60):
                pool.submit(answers.ask, url, number, options)
            made, seconds = _done(client) - before, time.monotonic() - begun
        memory_after = _memory(pid)
    goodput = 60 * made / seconds
    return Goodput(
        workers, round(capacity, 1), round(60 * sum(answers.statuses.values()) / seconds, 1), round(goodput, 1),
        round(goodput / capacity, 3), dict(answers.statuses), answers.without_retry_after,
        sum(memory_before.values()), sum(memory_after.values()),
    )  # fmt: skip


def _capacity(client: httpx.Client, options: argparse.Namespace) -> float:
    """Songs a minute while the queue is always full and refuses nothing, over ``--capacity-seconds``."""
    ending = time.monotonic() + options.capacity_seconds
    before, begun = _done(client), time.monotonic()

    def keep_asking(number: int) -> None:
        while time.monotonic() < ending:
            ask(client, number, options)

    with ThreadPoolExecutor(options.limit) as pool:
        futures = [pool.submit(keep_asking, number) for number in range(options.limit)]
        time.sleep(options.capacity_seconds)
        made, seconds = _done(client) - before, time.monotonic() - begun
        for future in futures:
            future.result()
    return max(60 * made / seconds, 1.0)


def _arrivals(a_second: float, seconds: float) -> Iterator[int]:
    """Numbers at ``a_second`` for ``seconds``, each when its time has come."""
    begun = time.monotonic()
    for number in range(int(a_second * seconds)):
        time.sleep(max(0.0, begun + number / a_second - time.monotonic()))
        yield number


class _Answers:
    """What the requests of an open loop were answered."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.without_retry_after = 0

    def ask(self, url: str, number: int, options: argparse.Namespace) -> None:
        """Ask once; the song is not waited for."""
        answer = httpx.post(f"{url}/compositions", json=_body(number, options), timeout=60)
        self.statuses[str(answer.status_code)] += 1
        if answer.status_code != 202 and int(answer.headers.get("Retry-After", 0)) < 1:
            self.without_retry_after += 1


def measure_restart(workers: int, options: argparse.Namespace) -> Restart:
    """Seconds from the start of everything to the first song, with a queue of songs left by a killed service."""
    with tempfile.TemporaryDirectory(prefix="riffbird-load-") as temporary:
        folder = Path(temporary)
        with service(workers, options, folder) as (url, pid), httpx.Client(base_url=url, timeout=60) as client:
            _warm_up(client, workers, options)
            posted = [client.post("/compositions", json=_body(number, options)) for number in range(options.songs)]
            accepted = [answer.json()["id"] for answer in posted if answer.status_code == 202]
            os.kill(pid, signal.SIGKILL)
        begun = time.monotonic()
        with service(workers, options, folder) as (url, _), httpx.Client(base_url=url, timeout=60) as client:
            ready = time.monotonic() - begun
            states = dict.fromkeys(accepted, "queued")
            first = 0.0
            while any(state not in SETTLED for state in states.values()):
                states = {job_id: client.get(f"/compositions/{job_id}").json()["status"] for job_id in accepted}
                if not first and "done" in states.values():
                    first = time.monotonic() - begun
                time.sleep(PAUSE_SECONDS)
            done = list(states.values()).count("done")
            return Restart(workers, len(accepted), done, round(ready, 1), round(first, 1))


@contextmanager
def service(workers: int, options: argparse.Namespace, folder: Path) -> Iterator[tuple[str, int]]:
    """A running ``riffbird serve`` (its URL and process id), stopped with the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [str(Path(sys.executable).with_name("riffbird")), "serve", "--port", str(port)]
    command += ["--data", str(folder), "--processes", str(workers)]
    limits = {"RIFFBIRD_QUEUE_LIMIT": str(options.limit), "RIFFBIRD_RATE_LIMIT_SONGS": "1000000"}
    limits["RIFFBIRD_HOUSE_SONGS"] = "false"
    log = (folder / "log").open("wb")
    with log, subprocess.Popen(command, env=os.environ | limits, stderr=log) as process:  # noqa: S603  our own command
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}", workers)
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()


@contextmanager
def watched(pid: int) -> Iterator[dict[str, int]]:
    """Peak resident memory of each process of the service in MiB, by name and id."""
    seen: dict[str, int] = {}
    stopping = threading.Event()

    def watch() -> None:
        while not stopping.wait(0.25):
            for name, size in _memory(pid).items():
                seen[name] = max(seen.get(name, 0), size)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stopping.set()
        thread.join()


def ask(shared: httpx.Client, number: int, options: argparse.Namespace) -> Song:
    """Request one song and wait for it, with a client of its own: clients do not scale to hundreds of threads."""
    with httpx.Client(base_url=shared.base_url, timeout=60) as client:
        return _ask(client, number, options)


def _ask(client: httpx.Client, number: int, options: argparse.Namespace) -> Song:
    begun = time.monotonic()
    answer = client.post("/compositions", json=_body(number, options))
    if answer.status_code != 202:
        return Song(answer.status_code, retry_after=int(answer.headers.get("Retry-After", 0)))
    waited = 0.0
    while (state := client.get(answer.json()["status_url"]).json())["status"] not in SETTLED:
        if state["status"] == "queued":
            waited = time.monotonic() - begun
        # Many askers poll less often, or polling would be the load.
        time.sleep(PAUSE_SECONDS * max(1, options.songs / 20))
    return Song(202, state["status"], waited, time.monotonic() - begun)


def _body(number: int, options: argparse.Namespace) -> dict[str, Any]:
    return {"text": f"Load {number} {options.tweet} /l {options.seconds}", "formats": options.formats}


def _warm_up(client: httpx.Client, workers: int, options: argparse.Namespace) -> None:
    with ThreadPoolExecutor(workers) as pool:
        songs = list(pool.map(lambda number: ask(client, number, options), range(workers)))
    if any(song.outcome != "done" for song in songs):
        raise SystemExit(f"the first songs are not made: {[song.outcome for song in songs]}")


def _result(workers: int, songs: list[Song], seconds: float, counted: int, memory: dict[str, int]) -> Result:
    done = [song for song in songs if song.outcome == "done"]
    refused = [song for song in songs if song.status != 202]
    if any(song.retry_after < 1 for song in refused):
        raise SystemExit("a request was refused without a Retry-After")
    return Result(
        workers=workers,
        asked=len(songs),
        statuses=dict(Counter(str(song.status) for song in songs)),
        outcomes=dict(Counter(song.outcome for song in songs)),
        counted_done=counted,
        songs_a_minute=round(60 * len(done) / seconds, 1),
        song_p50=_percentile([song.seconds for song in done], 50),
        song_p95=_percentile([song.seconds for song in done], 95),
        wait_p50=_percentile([song.waited for song in done], 50),
        wait_p95=_percentile([song.waited for song in done], 95),
        memory=dict(memory),
    )


def _percentile(values: list[float], percent: int) -> float:
    if len(values) < 2:
        return round(sum(values), 2)
    return round(quantiles(values, n=100, method="inclusive")[percent - 1], 2)


def _row(result: Result) -> str:
    return (
        f"{result.workers} workers: {result.songs_a_minute} songs/min, time to song {result.song_p50} s (p50) "
        f"{result.song_p95} s (p95), queue wait {result.wait_p50} s (p50) {result.wait_p95} s (p95), "
        f"answers {result.statuses}, outcomes {result.outcomes}, counted done {result.counted_done}, "
        f"memory MiB {result.memory}"
    )


def _wait_until_ready(url: str, workers: int) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/ready").json().get("workers") == workers:
                return
        except httpx.TransportError:
            pass  # it is still starting
        time.sleep(PAUSE_SECONDS)
    raise SystemExit(f"the service does not get ready at {url}")


def _done(client: httpx.Client) -> int:
    """Songs that the service counts as done."""
    lines = client.get("/metrics").text.splitlines()
    return int(
        sum(float(line.split()[-1]) for line in lines if line.startswith('riffbird_songs_total{outcome="done"}'))
    )


def _memory(pid: int) -> dict[str, int]:
    """Resident MiB of a process and its descendants, from /proc (proc(5))."""
    sizes: dict[str, int] = {}
    for child in [pid, *_descendants(pid)]:
        try:
            status = dict(line.split(":", 1) for line in Path(f"/proc/{child}/status").read_text().splitlines())
        except OSError:
            continue
        if "VmRSS" in status:
            sizes[f"{status['Name'].strip()}-{child}"] = int(status["VmRSS"].split()[0]) * 1024 // MIB
    return sizes


def _descendants(pid: int) -> list[int]:
    try:
        lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    children = [int(word) for text in lists for word in text.split()]
    return [each for child in children for each in (child, *_descendants(child))]


def _options() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--test", choices=("burst", "goodput", "restart"), default="burst")
    parser.add_argument("--minutes", type=float, default=5.0, help="of overload (goodput)")
    parser.add_argument("--factor", type=float, default=2.0, help="asked for, in capacities (goodput)")
    parser.add_argument("--capacity-seconds", type=float, default=60.0, help="the capacity is measured for (goodput)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4], help="one service for each")
    parser.add_argument("--songs", type=int, default=12, help="asked for at once")
    parser.add_argument("--seconds", type=int, default=45, help="length of a song")
    parser.add_argument("--formats", nargs="+", default=["mp3", "mp4"])
    parser.add_argument("--tweet", default="/compose /g heavy-metal /t 160 /r 0.2")
    parser.add_argument(
        "--limit", type=int, default=1000, help="the queue's limit; --songs 200 --limit 100 overfills it"
    )
    parser.add_argument("--json", action="store_true", help="one object a line")
    return parser.parse_args()


if __name__ == "__main__":
    main()
