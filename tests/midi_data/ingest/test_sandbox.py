"""Converting processes: what a file may cost, what becomes of those that cost more, and that no other file suffers."""

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from midi_data.ingest.sandbox.frames import FrameError, read_frame, write_frame
from midi_data.ingest.sandbox.limits import Limits
from midi_data.ingest.sandbox.network import MACHINES
from midi_data.ingest.sandbox.pool import Answer, Pool
from midi_data.ingest.sandbox.process import Sandbox, SandboxDiedError
from midi_data.io.midi_writer import midi_bytes
from tests.mutated_midi import chunk, smf
from tests.songs import midi_folder, riff

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits and signals are POSIX")
ROOT = Path(__file__).parents[3]
ASKED = {"clean": True, "keep_unaligned": False}


def options(name: str) -> dict[str, object]:
    return {"name": name, **ASKED}


def heavy(notes: int) -> bytes:
    return smf(chunk(b"".join(b"\x00\x90\x3c\x40\x3c\x3c\x00" for _ in range(notes)) + b"\x00\xff\x2f\x00"))


def answers(folder: Path, limits: Limits | None = None) -> list[Answer]:
    with Pool(2, limits) as pool:
        return list(pool.converted(folder, options))


def test_a_file_that_takes_too_long_costs_only_itself(tmp_path: Path) -> None:
    folder = midi_folder(tmp_path / "ska", count=3, bars=2)
    (folder / "riff-1-heavy.mid").write_bytes(heavy(80_000))
    outcome = {answer.name: answer.head.get("left_out", "used") for answer in answers(folder, Limits(seconds=0.4))}
    assert outcome == {
        "riff-0.mid": "used",
        "riff-1-heavy.mid": "took too long",
        "riff-1.mid": "used",
        "riff-2.mid": "used",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux")
def test_a_file_that_needs_too_much_memory_costs_only_itself(tmp_path: Path) -> None:
    folder = midi_folder(tmp_path / "ska", count=2, bars=2)
    (folder / "heavy.mid").write_bytes(heavy(80_000))
    outcome = {answer.name: answer.head.get("left_out", "used") for answer in answers(folder, Limits(60, 12 * 2**20))}
    assert outcome == {"heavy.mid": "too much memory", "riff-0.mid": "used", "riff-1.mid": "used"}


def test_answers_come_in_the_order_of_the_source(tmp_path: Path) -> None:
    folder = midi_folder(tmp_path / "ska", count=40, bars=1)
    assert [answer.name for answer in answers(folder)] == sorted(path.name for path in folder.iterdir())


def test_a_process_that_crashes_says_so() -> None:
    sandbox = Sandbox.converter(Limits())
    os.kill(sandbox.pid, signal.SIGSEGV)
    with pytest.raises(SandboxDiedError, match="status -11") as death:
        sandbox.ask({"name": "a.mid", **ASKED}, midi_bytes(riff()))
    assert death.value.reason == "crashed the reader"


def test_a_file_is_not_blamed_for_what_killed_the_process_before(tmp_path: Path) -> None:
    folder = midi_folder(tmp_path / "ska", count=1)
    with Pool(1) as pool:
        [before] = pool.converted(folder, options)
        [worn] = pool._running.values()
        os.kill(worn.pid, signal.SIGKILL)
        [after] = pool.converted(folder, options)
        assert list(pool._running) != [worn.pid]
    assert {**before.head, "cpu_seconds": 0} == {**after.head, "cpu_seconds": 0}
    assert before.body == after.body


def test_a_process_that_says_nothing_is_given_up() -> None:
    sandbox = Sandbox.converter(Limits())
    with pytest.raises(SandboxDiedError) as death:
        sandbox.listen(seconds=0.1)
    assert death.value.reason == "took too long"


def test_no_process_is_left_when_the_pool_is_left(tmp_path: Path) -> None:
    folder = midi_folder(tmp_path / "ska", count=5, bars=1)
    with Pool(2) as pool:
        next(pool.converted(folder, options))
        pids = list(pool._running)
    assert pids
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_python_files_beside_the_music_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = midi_folder(tmp_path / "ska", count=1)
    (folder / "numpy.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    monkeypatch.chdir(folder)
    [answer] = answers(folder)
    assert "left_out" not in answer.head
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("sent", [b"\0\0", b"\xff" * 8, b"\0\0\0\x05\0\0\0\0{}", b"\0\0\0\x02\0\0\0\0[]"])
def test_what_is_no_frame_is_refused(sent: bytes, tmp_path: Path) -> None:
    (tmp_path / "pipe").write_bytes(sent)
    with (tmp_path / "pipe").open("rb") as pipe, pytest.raises(FrameError):
        read_frame(pipe)


def test_a_frame_is_read_as_it_was_written(tmp_path: Path) -> None:
    with (tmp_path / "pipe").open("w+b") as pipe:
        write_frame(pipe, {"name": "Zoë\udc80"}, b"\0body")
        pipe.seek(0)
        assert read_frame(pipe) == ({"name": "Zoë\udc80"}, b"\0body")
        assert read_frame(pipe) is None


PROBE = """
import socket, sys
from midi_data.ingest.sandbox.network import deny_network
denied = deny_network()
for make in (lambda: socket.create_connection(("127.0.0.1", 9), 1), lambda: socket.socket(socket.AF_UNIX)):
    try:
        make()
    except PermissionError:
        print("denied", denied)
    except OSError as error:
        print(type(error).__name__, denied)
print(open(sys.argv[1]).read())
"""


@pytest.mark.skipif(sys.platform != "linux" or platform.machine() not in MACHINES, reason="seccomp is Linux")
def test_a_process_that_reads_strangers_files_can_open_files_and_no_socket(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("readable")
    done = subprocess.run(
        [sys.executable, "-c", PROBE, tmp_path / "file"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split("\n")[:3] == ["denied True", "denied True", "readable"]


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux")
def test_a_process_that_reads_strangers_files_has_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RIFFBIRD_X_ACCESS_TOKEN", "RIFFBIRD_REDIS_URL", "AWS_SECRET_ACCESS_KEY", "FOREIGN"):
        monkeypatch.setenv(name, "hunter2")
    sandbox = Sandbox.converter(Limits())
    try:
        assert b"hunter2" not in Path(f"/proc/{sandbox.pid}/environ").read_bytes()
        assert "Seccomp:\t2" in Path(f"/proc/{sandbox.pid}/status").read_text()
    finally:
        sandbox.close()
