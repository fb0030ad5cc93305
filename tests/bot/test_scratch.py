import signal
import subprocess
import sys
from pathlib import Path

from bot.scratch import scratch_folder

ROOT = Path(__file__).parents[2]
CODE = """
import sys, os, signal
from pathlib import Path
from bot.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "song.mp4").write_bytes(b"x" * 1000)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_bots_files_are_deleted_at_the_next_start(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CODE, str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob("*/song.mp4"))) == 1
    with scratch_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_the_files_of_a_running_bot_stay(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as first, scratch_folder(tmp_path) as second:
        assert {path.name for path in tmp_path.iterdir()} == {first.name, second.name}
    assert list(tmp_path.iterdir()) == []
