"""Fuzzing: no mutated file crashes the reader, hangs it, takes much memory or loses a note unnoticed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.midi_data.fuzz_program import BYTES, SECONDS

ROOT = Path(__file__).parents[3]


def fuzzed(count: int, seed: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.midi_data.fuzz_program", str(count), str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout))


def check(outcome: dict[str, float], count: int) -> None:
    assert outcome["read"] + outcome["refused"] == count
    assert outcome["read"] > count / 10
    assert outcome["refused"] > count / 10
    assert outcome["slowest"] < SECONDS
    assert outcome["more_bytes"] < BYTES


def test_three_hundred_mutations() -> None:
    check(fuzzed(300, seed=1), 300)


@pytest.mark.slow
def test_twenty_thousand_mutations() -> None:
    check(fuzzed(20_000, seed=2), 20_000)
