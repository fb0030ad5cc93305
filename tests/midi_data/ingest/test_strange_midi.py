"""Folders of strange MIDI: no crash, no bomb, every file used or left out with its reason, the same way each time."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from midi_data.corpus.dataset import open_shard
from midi_data.corpus.prepare import prepare
from midi_data.ingest.sandbox.limits import FILE_SECONDS
from tests.mutated_midi import KINDS, write_strange_midi_folder


def test_strange_files_are_used_or_left_out_with_a_reason(tmp_path: Path) -> None:
    made = write_strange_midi_folder(tmp_path / "strange", 7 * len(KINDS))
    [folder] = prepare(tmp_path / "strange", tmp_path / "out")
    check_outcome(folder, made)


def test_the_outcome_does_not_depend_on_which_process_was_faster(tmp_path: Path) -> None:
    write_strange_midi_folder(tmp_path / "strange", 2 * len(KINDS), seed=1)
    alone, together = (
        prepare(tmp_path / "strange", tmp_path / str(processes), processes=processes)[0] for processes in (1, 3)
    )
    for name in ("notes.npy", "pieces.jsonl", "card.json"):
        assert (alone / name).read_bytes() == (together / name).read_bytes()
    assert told(alone)["files_left_out"] == told(together)["files_left_out"]


@pytest.mark.slow
def test_two_thousand_strange_files_cost_no_crash_and_little_memory(tmp_path: Path) -> None:
    made = write_strange_midi_folder(tmp_path / "strange", 2000, seed=2)
    script = (
        "import sys; from pathlib import Path; from midi_data.corpus.prepare import prepare;"
        "prepare(*map(Path, sys.argv[1:]))"
    )
    with subprocess.Popen([sys.executable, "-c", script, tmp_path / "strange", tmp_path / "out"]) as process:
        most = 0
        while process.poll() is None:
            most = max(most, memory_of(process.pid))
            try:
                process.wait(timeout=0.05)
            except subprocess.TimeoutExpired:
                continue
    assert process.returncode == 0
    assert 0 < most <= 10**9
    check_outcome(tmp_path / "out" / "strange", made)


def memory_of(pid: int) -> int:
    """Bytes resident in a process and all below it; what they share counts for each."""
    try:
        whole = psutil.Process(pid)
        family = [whole, *whole.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for each in family:
        try:
            total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def told(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / "report.json").read_text()))


def check_outcome(folder: Path, made: dict[str, str]) -> None:
    report = json.loads((folder / "report.json").read_text())
    shard = open_shard(folder)
    used = {piece.name for piece in shard.pieces}
    left_out = {each["name"]: each for each in report["files_left_out"]}
    assert report["used"] + report["left_out"] == len(made)
    assert len(used) + len(left_out) == len(made)
    assert all(each["reason"] and each["detail"] and "\n" not in each["detail"] for each in left_out.values())
    # A member of an archive is told by the archive's name and its own.
    assert {name.split(".zip/")[0].removesuffix(".zip") for name in (*used, *left_out)} == {
        name.removesuffix(".zip") for name in made
    }
    assert report["slowest"]["cpu_seconds"] <= FILE_SECONDS
    assert {left_out[name]["reason"] for name, kind in made.items() if kind == "song" and name in left_out} <= {
        "duplicate",
        "near-duplicate",
    }
    assert any(made.get(name) == "many notes" for name in used)
    by_kind = {made.get(name, "zipped"): each["reason"] for name, each in left_out.items()}
    assert by_kind["tracks in the file"] == "too many tracks"
    assert by_kind["many tempos"] == "too many tempos"
    assert by_kind["huge deltas"] in ("too long", "fewer than 16 notes", "truncated")
    assert {"archive in an archive", "archive bomb", "type 2", "no ticks", "SMPTE time", "not MIDI"} <= {
        each["reason"] for each in left_out.values()
    }
    assert shard.card["skipped"] == report["reasons"]
