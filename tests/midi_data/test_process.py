"""Usable cores follow the processor affinity and OMP_NUM_THREADS."""

import os

import pytest

from midi_data.process import usable_cores


def test_usable_cores_are_those_of_the_affinity_capped_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 2, 3}, raising=False)
    for limit, count in (("3", 3), ("9", 4), ("0", 4), ("many", 4)):
        monkeypatch.setenv("OMP_NUM_THREADS", limit)
        assert usable_cores() == count
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert usable_cores() == 4
