import subprocess
from typing import Any

import pytest

from worker.settings import Settings
from worker.supervisor import Supervisor


class Living:
    """A worker that goes on."""

    def poll(self) -> None:
        return None


def test_a_worker_that_cannot_be_started_ends_no_other(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[object] = []

    def no_memory(*_command: Any, **_options: Any) -> None:
        attempts.append(_command)
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(subprocess, "Popen", no_memory)
    supervisor = Supervisor(settings.model_copy(update={"processes": 2}), "compose")
    living, empty = supervisor.slots
    living.process = Living()
    for _ in range(20):
        for slot in supervisor.slots:
            supervisor._check(slot)
    assert isinstance(living.process, Living)
    assert len(attempts) == 1  # the next attempt comes after a pause
    assert empty.pause_seconds > 0
