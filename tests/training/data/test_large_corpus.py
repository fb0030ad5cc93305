"""A corpus larger than memory is trained on. A real process, with less memory than the corpus has notes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the train extra")

from midi_data.corpus.dataset import Shard, open_shard, piece_line
from midi_data.corpus.prepare import prepare
from tests.songs import midi_folder

ROOT = Path(__file__).parents[3]
MEGABYTES = 256
SHARDS, PIECES, REPEATS = 3, 1200, 15


def long_piece(shard: Shard, repeats: int) -> np.ndarray:
    """The rows of a shard's first piece over and over."""
    piece = shard.pieces[0]
    rows = np.asarray(shard.notes[: piece.count])
    return np.concatenate([rows + np.array([at * piece.end, 0, 0, 0, 0], dtype=np.int32) for at in range(repeats)])


def write_large(shard: Shard, out: Path) -> int:
    """``SHARDS`` shards of ``PIECES`` long pieces; their notes in bytes."""
    rows, size = long_piece(shard, REPEATS), 0
    piece = replace(shard.pieces[0], count=len(rows), end=shard.pieces[0].end * REPEATS)
    for number in range(SHARDS):
        folder = out / f"large-{number}"
        folder.mkdir(parents=True)
        (folder / "card.json").write_bytes((shard.folder / "card.json").read_bytes())
        shape = (PIECES * len(rows), 5)
        notes = np.lib.format.open_memmap(folder / "notes.npy", mode="w+", dtype=np.int32, shape=shape)
        pieces = []
        for at in range(PIECES):
            notes[at * len(rows) : (at + 1) * len(rows)] = rows
            split = "valid" if at == 0 else "train"
            pieces.append(replace(piece, name=f"{number}/{at}.mid", first=at * len(rows), split=split))
        notes.flush()
        size += notes.nbytes
        (folder / "pieces.jsonl").write_text("".join(piece_line(each) + "\n" for each in pieces))
    return size


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "large"
    shutil.rmtree(tmp_path / "large")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's own memory")
def test_a_training_needs_less_memory_than_its_corpus_has_notes(large: Path, tmp_path: Path) -> None:
    [made] = prepare(midi_folder(tmp_path / "ska", count=1, bars=16), tmp_path / "small", genre="ska")
    size = write_large(open_shard(made), large)
    assert size > 2 * (MEGABYTES << 20)
    arguments = [str(large), str(tmp_path / "training"), str(MEGABYTES)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.memory_program", *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    told, played = map(int, done.stdout.split())
    assert told == size
    assert played > 40_000
    assert (tmp_path / "training" / "snapshot" / "tensors.safetensors").stat().st_size > 0
