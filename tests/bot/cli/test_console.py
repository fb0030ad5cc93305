"""The progress bar of a terminal, drawn without a thread: a process with threads is not forked."""

import os
import pty
import sys
import threading
from pathlib import Path

import pytest

from bot.cli.console import REFRESH_SECONDS, progress_bar


def test_progress_on_a_terminal_is_drawn_without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", terminal)
        before = threading.active_count()
        with progress_bar() as bar:
            assert bar is not None
            task = bar.add_task("composing", total=1.0, note="")
            bar.update(task, completed=0.5, note="half of it")
            assert threading.active_count() == before
        terminal.flush()
        assert b"half of it" in os.read(mine, 65536)
    os.close(mine)


def test_progress_is_drawn_now_and_then_only(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", terminal)
        with progress_bar() as bar:
            assert bar is not None
            drawn: list[float] = []
            patched.setattr(type(bar), "refresh", lambda _: drawn.append(1.0))
            task = bar.add_task("composing", total=1.0, note="")
            told = len(drawn)
            for step in range(1000):
                bar.update(task, completed=step / 1000)
            assert 1 <= len(drawn) - told < 1000
        assert REFRESH_SECONDS < 1
    os.close(mine)


def test_without_a_terminal_no_progress_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open("w") as nowhere, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", nowhere)
        with progress_bar() as bar:
            assert bar is None
