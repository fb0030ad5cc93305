"""The page of speeds says what the kept result says, and tells a missed target as missed."""

import json
from copy import deepcopy
from typing import Any

import pytest

from benchmarks.speed_page import PAGE, RESULT, number, page
from training.speed.figures import TARGETS


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return json.loads(RESULT.read_text(encoding="utf-8"))


def test_the_page_is_what_the_result_makes(report: dict[str, Any]) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(report)


def test_the_kept_result_is_a_whole_run_with_every_target(report: dict[str, Any]) -> None:
    assert not report["quick"]
    assert set(TARGETS) <= set(report["figures"])
    for name, (sign, wanted) in TARGETS.items():
        assert report["figures"][name]["target"] == f"{sign} {wanted:g}"


def test_a_missed_target_is_told_and_counted(report: dict[str, Any]) -> None:
    worse = deepcopy(report)
    worse["figures"]["cold_peak"] |= {"value": 300.0, "met": False}
    worse["figures"]["render_peak"] |= {"value": None, "met": None, "note": "not measured: no reason"}
    told = page(worse).splitlines()
    assert any("| 300 MB |" in line and "**missed**" in line for line in told)
    assert any("| – |" in line and "not measured: no reason" in line for line in told)
    met = [each["met"] for each in worse["figures"].values() if each["met"] is not None]
    assert f"{sum(met)} of {len(met)} targets met." in told


def test_numbers_are_short() -> None:
    assert [number(value) for value in (None, 0.01234, 12.345, 1234.5)] == ["–", "0.0123", "12.3", "1,234"]
    assert number(80.0, "x") == "80 x"
