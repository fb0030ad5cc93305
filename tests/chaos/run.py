"""One run: people write, processes are killed, stopped and restarted, disk and server refuse; then all is checked.

The checks look from outside: at the network's posts, the API's answers, files, processes and Redis.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import redis

from tests.bot.fakes.x import FakeX, Post
from tests.chaos.service import Service, pause
from tests.waiting import wait_for
from worker.client import dead_letter_lists

PEOPLE = 40
GENRES = ("jazz", "metal", "blues", "folk", "game")
QUIET_SECONDS = 900
LEFT_OVER = ("rq:queue:compose", "rq:wip:compose", "rq:scheduled:compose", "rq:queue:compose:intermediate")


@dataclass
class Report:
    """What came of a run. All but the first four figures should be empty or 0."""

    seed: int
    mentions: int
    api_songs: int
    actions: dict[str, int]
    seconds: float = 0.0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unwanted: list[str] = field(default_factory=list)
    api_lost: list[str] = field(default_factory=list)
    stuck: dict[str, int] = field(default_factory=dict)
    orphans: list[str] = field(default_factory=list)
    half_files: list[str] = field(default_factory=list)
    dead_letters: int = 0

    @property
    def is_clean(self) -> bool:
        faults = (self.lost, self.doubled, self.unwanted, self.api_lost, self.stuck, self.orphans, self.half_files)
        return not any(faults)


class Chaos:
    """The driver of one run, deterministic in what it does by ``seed``; processes interleave as they like."""

    def __init__(self, service: Service, fake: FakeX, seed: int) -> None:
        self.service = service
        self.fake = fake
        self.generator = random.Random(seed)
        self.people = [fake.person(f"fan{number}", "I like music") for number in range(PEOPLE)]
        self.asked: list[Post] = []
        self.ignored: list[Post] = []
        self.api_keys: list[str] = []
        self.accepted: dict[str, str] = {}
        self.actions: Counter[str] = Counter()

    # ------------------------------------------------------------------ people

    def write(self, count: int) -> None:
        """People write ``count`` mentions; every tenth also asks the API, every twentieth only chats."""
        for _ in range(count):
            number = len(self.asked) + len(self.ignored)
            who = self.generator.choice(self.people)
            if number % 20 == 19:
                self.ignored.append(self.fake.write(who, f"@riffbird what a song number {number}!"))
                continue
            # An unknown genre of its own each time: X refuses the same words twice.
            genre = f"polka{number}" if number % 7 == 6 else self.generator.choice(GENRES)
            text = f"@riffbird Song {number} /compose /g {genre} /t {60 + number % 200}"
            self.asked.append(self.fake.write(who, text))
            if number % 10 == 0:
                self.api_keys.append(f"chaos-{number}")

    def ask_api(self) -> None:
        """Repeat every request that was not accepted yet, with its idempotency key."""
        for key in self.api_keys:
            if key in self.accepted:
                continue
            body = {"text": f"{key} /compose /g jazz", "formats": ["mid"]}
            try:
                answer = httpx.post(
                    f"{self.service.url}/compositions", json=body, headers={"Idempotency-Key": key}, timeout=3
                )
            except httpx.HTTPError:
                return  # it is down at the moment: again in the next step
            if answer.status_code == 202:
                self.accepted[key] = answer.json()["id"]

    # ------------------------------------------------------------------ chaos

    def kill(self) -> None:
        """SIGKILL to one process, of whatever kind."""
        victims = {name: self.service.pid(name) for name in self.service.parts}
        for module in ("worker", "worker.monitoring.heartbeat"):
            pids = self.service.children(module)
            victims[module] = self.generator.choice(pids) if pids else None
        name = self.generator.choice([name for name, pid in victims.items() if pid is not None])
        _signal(victims[name], signal.SIGKILL)
        self.actions[f"kill {name}"] += 1

    def freeze(self) -> None:
        """Stop one process for longer than a lease, then let it continue."""
        name = self.generator.choice(("bot", "api", "server", "worker"))
        pids = self.service.children("worker") if name == "worker" else [self.service.pid(name)]
        if not pids or pids[0] is None:
            return
        _signal(pids[0], signal.SIGSTOP)
        pause(self.service, self.generator.uniform(0.5, 6.0))
        _signal(pids[0], signal.SIGCONT)
        self.actions[f"freeze {name}"] += 1

    def restart(self) -> None:
        """SIGTERM to one part, as in an upgrade."""
        name = self.generator.choice(list(self.service.parts))
        _signal(self.service.pid(name), signal.SIGTERM)
        self.actions[f"restart {name}"] += 1

    def fill_disk(self) -> None:
        """No song can be written for a moment."""
        self.service.disk_is_full.touch()
        pause(self.service, self.generator.uniform(0.5, 2.0))
        self.service.disk_is_full.unlink()
        self.actions["full disk"] += 1

    def refuse_writes(self) -> None:
        """The server answers, but writes nothing."""
        try:
            with redis.Redis.from_url(self.service.redis_url, socket_timeout=2) as client:
                client.config_set("min-replicas-to-write", 1)
                pause(self.service, self.generator.uniform(0.5, 2.0))
                client.config_set("min-replicas-to-write", 0)
        except redis.RedisError:
            return  # killed meanwhile; a new one accepts writes
        self.actions["refused writes"] += 1

    def disturb_network(self) -> None:
        """A tenth of the network's answers are errors, timeouts or resets for a while."""
        self.fake.faults.rate = 0.1
        pause(self.service, self.generator.uniform(1.0, 3.0))
        self.fake.faults.rate = 0.0
        self.actions["disturbed network"] += 1

    def act(self, *, kills: int, others: int, mentions: int) -> None:
        """All mentions, kills and other disturbances, mixed."""
        steps = ["kill"] * kills + ["other"] * others
        self.generator.shuffle(steps)
        disturbances = (self.freeze, self.restart, self.fill_disk, self.refuse_writes, self.disturb_network)
        for step, kind in enumerate(steps):
            self.write(mentions * (step + 1) // len(steps) - mentions * step // len(steps))
            (self.kill if kind == "kill" else self.generator.choice(disturbances))()
            pause(self.service, self.generator.uniform(0.2, 1.5))
            self.ask_api()

    # ------------------------------------------------------------------ checks

    def is_settled(self) -> bool:
        """Whether everything asked for is answered."""
        self.ask_api()
        replied = Counter(post.replies_to for post in self.fake.posts if post.replies_to)
        if len(self.accepted) < len(self.api_keys) or any(not replied[post.id] for post in self.asked):
            return False
        return all(self._api_status(job_id) == "done" for job_id in self.accepted.values())

    def _api_status(self, job_id: str) -> str:
        try:
            return str(httpx.get(f"{self.service.url}/compositions/{job_id}", timeout=3).json().get("status"))
        except httpx.HTTPError:
            return "unknown"

    def _is_made(self, job_id: str) -> bool:
        """Whether the song is done, asked until the API answers: a loaded machine may take longer than once."""
        return wait_for(lambda: (status := self._api_status(job_id)) != "unknown" and status) == "done"

    def check(self, report: Report) -> None:
        """Fill in the report; the service still runs."""
        for post in self.asked:
            replies = len(self.fake.replies_to(post.id))
            if replies != 1:
                (report.doubled if replies else report.lost).append(post.id)
        report.unwanted = [post.id for post in self.ignored if self.fake.replies_to(post.id)]
        report.api_lost = [key for key in self.api_keys if not self._is_made(self.accepted.get(key, "-"))]
        with redis.Redis.from_url(self.service.redis_url) as client:
            left = {key: client.zcard(key) if client.type(key) == b"zset" else client.llen(key) for key in LEFT_OVER}
            left["owed"] = client.zcard("riffbird:bot:x:due")
            report.stuck = {key: count for key, count in left.items() if count}
            report.dead_letters = sum(each.count() for each in dead_letter_lists(client))

    def half_files(self) -> list[str]:
        """Songs without all their files, and what killed bots left behind; the service has ended.

        What killed workers left in the scratch folder is deleted later, by its age (``worker.maintenance``).
        """
        data = self.service.folder / "data"
        found = [str(path.relative_to(data)) for path in (data / "scratch").glob("bot-*/*")]
        for folder in (data / "songs").iterdir():
            facts = folder / "facts.json"
            names = json.loads(facts.read_text())["rendition"]["files"].values() if facts.exists() else [facts.name]
            found += [f"{folder.name}/{name}" for name in names if not _is_whole(folder / name)]
        return found


def run(folder: Path, *, seed: int, mentions: int, kills: int, others: int) -> Report:
    """One run in ``folder``. Figures for the report come from outside the service."""
    begun = time.monotonic()
    with FakeX(time.time) as fake:
        for *_, window in fake.routes:
            if window is not None:
                window.limit = 10**9  # the network's limits would make the run last for hours
        service = Service(folder, fake.url)
        chaos = Chaos(service, fake, seed)
        service.start_all()
        try:
            chaos.act(kills=kills, others=others, mentions=mentions)
            pause(service, QUIET_SECONDS, chaos.is_settled)
            pause(service, 5.0)  # a second reply would come now
            report = Report(seed, len(chaos.asked), len(chaos.api_keys), dict(chaos.actions))
            chaos.check(report)
        finally:
            service.stop_all()
        report.orphans = service.orphans()
        report.half_files = chaos.half_files()
        report.seconds = round(time.monotonic() - begun, 1)
    return report


def _is_whole(path: Path) -> bool:
    begins = {".mid": (0, b"MThd"), ".mp4": (4, b"ftyp")}
    if not path.exists() or not path.stat().st_size:
        return False
    offset, magic = begins.get(path.suffix, (0, b""))
    return path.read_bytes()[offset : offset + len(magic)] == magic


def _signal(pid: int | None, number: signal.Signals) -> None:
    try:
        if pid is not None:
            os.kill(pid, number)
    except ProcessLookupError:
        return  # it has just ended
