"""A short run of the chaos test; the long one is ``python -m tests.chaos``."""

import sys
from pathlib import Path

import pytest

from tests.chaos.run import run


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_every_mention_is_answered_once_while_processes_are_killed(tmp_path: Path) -> None:
    report = run(tmp_path / "run", seed=5, mentions=20, kills=5, others=3)
    assert report.is_clean, report
    assert report.mentions == 19
