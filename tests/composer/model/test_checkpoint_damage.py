"""Damaged checkpoints: refused in one line, whatever is wrong with header, number types or tables."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from composer.errors import CheckpointError
from composer.model.checkpoint import load_checkpoint, save_checkpoint
from tests.composer.checkpoints import tiny_checkpoint

MUTATIONS = 2000


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    save_checkpoint(tiny_checkpoint(), path)
    return path.read_bytes()


def with_header(data: bytes, old: str, new: str) -> bytes:
    """``data`` with ``old`` replaced in its header, padded to its length."""
    size = struct.unpack("<Q", data[:8])[0]
    header = data[8 : 8 + size].decode()
    assert old in header
    changed = header.replace(old, new).encode()
    return struct.pack("<Q", len(changed)) + changed + data[8 + size :]


def refusal(data: bytes, folder: Path) -> str:
    path = folder / "bad.safetensors"
    path.write_bytes(data)
    with pytest.raises(CheckpointError) as refused:
        load_checkpoint(path)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_bfloat16_is_refused_in_one_line(good: bytes, tmp_path: Path) -> None:
    assert "BF16" in refusal(with_header(good, '"F16"', '"BF16"'), tmp_path)


def test_counts_that_are_no_integers_are_refused(good: bytes, tmp_path: Path) -> None:
    assert "must be integers" in refusal(with_header(good, '"I32"', '"F32"'), tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("meters", 5, "meter"), ("pieces", 9, "at least 10"), ("part_pieces", 1, "at least 10"), ("key", -1, "negative")],
)
def test_impossible_statistics_are_refused(name: str, value: int, words: str, tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint()
    checkpoint.pooled[name].reshape(-1)[1] = value
    save_checkpoint(checkpoint, tmp_path / "written.safetensors")
    assert words in refusal((tmp_path / "written.safetensors").read_bytes(), tmp_path)


def test_statistics_that_do_not_tell_whether_chords_are_the_same_are_read(tmp_path: Path) -> None:
    checkpoint, path = tiny_checkpoint(), tmp_path / "written.safetensors"
    own = {name: checkpoint.pooled[name] for name in ("part_pieces", "part_repetition")}
    checkpoint.pooled.update({name: table[::2] for name, table in own.items()})
    save_checkpoint(checkpoint, path)
    read = load_checkpoint(path).pooled
    for name, table in own.items():
        assert np.allclose(read[name], np.repeat(table[::2], 2, axis=0), atol=1e-3)


def test_a_file_of_an_earlier_version_is_refused(good: bytes, tmp_path: Path) -> None:
    assert "earlier version" in refusal(with_header(good, "riffbird-checkpoint-3", "riffbird-checkpoint-2"), tmp_path)


def test_two_thousand_mutated_headers_raise_nothing_else(good: bytes, tmp_path: Path) -> None:
    size = struct.unpack("<Q", good[:8])[0]
    json.loads(good[8 : 8 + size])
    rng = np.random.default_rng(0)
    path, refusals = tmp_path / "mutated.safetensors", list[str]()
    for _ in range(MUTATIONS):
        data = bytearray(good)
        for at in rng.integers(0, 8 + size, int(rng.integers(1, 4))).tolist():
            data[at] = int(rng.integers(256)) if rng.random() < 0.5 else data[at] ^ (1 << int(rng.integers(8)))
        path.write_bytes(data)
        try:
            load_checkpoint(path)
        except CheckpointError as error:
            refusals.append(str(error))
    assert len(refusals) > MUTATIONS / 2
    assert not any("\n" in line for line in refusals)
