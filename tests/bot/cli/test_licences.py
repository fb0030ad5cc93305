"""Whose music it is, is asked once, where somebody can answer."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.songs import midi_folder

pty = pytest.importorskip("pty")


def licence_after(folder: Path, *flags: str, typed: str | None) -> tuple[str, str]:
    """The card's licence and what was written on stderr; ``typed`` at a terminal, or no terminal."""
    above, below = pty.openpty()
    out = folder.parent / "out"
    command = [sys.executable, "-m", "bot.cli.main", "corpus", "prepare", folder, "--out", out, *flags]
    if typed is not None:
        os.write(above, f"{typed}\n".encode())
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL if typed is None else below, capture_output=True, text=True, check=True
    )
    os.close(below)
    os.close(above)
    card = json.loads((out / folder.name / "card.json").read_text())
    pieces = [json.loads(line) for line in (out / folder.name / "pieces.jsonl").read_text().splitlines()]
    assert {piece["licence"] for piece in pieces} == {card["licence"]}
    return card["licence"], done.stderr


def test_it_is_asked_for_at_a_terminal(tmp_path: Path) -> None:
    licence, said = licence_after(midi_folder(tmp_path / "ska", 2), typed="CC BY 4.0")
    assert licence == "CC BY 4.0"
    assert "Licence of the files in" in said
    assert "2 files used, 0 left out" in said


def test_it_is_not_asked_for_where_it_is_given(tmp_path: Path) -> None:
    licence, said = licence_after(midi_folder(tmp_path / "ska", 2), "--licence", "CC0", typed="no")
    assert licence == "CC0"
    assert "Licence of the files in" not in said


def test_without_a_terminal_it_is_not_stated_and_a_later_one_counts(tmp_path: Path) -> None:
    folder = midi_folder(tmp_path / "ska", 2)
    assert licence_after(folder, typed=None)[0] == "not stated"
    assert licence_after(folder, "--licence", "MIT", typed=None)[0] == "MIT"
