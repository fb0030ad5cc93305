"""Compiled modules are used where they were made from the sources beside them, and make the same songs."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from midi_data.compiled import ROOT, changed_sources, noted_sources

needs_compiled = pytest.mark.skipif(
    not noted_sources()
    or bool(changed_sources(noted_sources()))
    or not list((ROOT / "midi_data").glob("lookback.*.*")),
    reason="nothing was compiled when this was installed, or a source has changed since: pip install -e .",
)


def said(code: str, *, root: Path = ROOT, **environment: str) -> str:
    """What a fresh Python prints."""
    surroundings = os.environ | environment | {"PYTHONPATH": str(root)}
    run = subprocess.run(
        [sys.executable, "-c", code], env=surroundings, cwd=root, check=True, capture_output=True, text=True
    )
    return run.stdout.strip()


WHERE = (
    "import composer.decoding.song_sampler as sampler, midi_data.events.incremental_features as lookback;"
    "print(sampler.__file__, lookback.__file__)"
)


def test_a_source_that_is_not_what_it_was_is_told(tmp_path: Path) -> None:
    (tmp_path / "same.py").write_text("a = 1\n")
    (tmp_path / "other.py").write_text("a = 1\n")
    before = hashlib.sha256(b"a = 1\n").hexdigest()
    noted = {"same.py": before, "other.py": before}
    assert changed_sources(noted, tmp_path) == []
    (tmp_path / "other.py").write_text("a = 2\n")
    assert changed_sources(noted, tmp_path) == ["other.py"]
    (tmp_path / "same.py").unlink()
    assert changed_sources(noted, tmp_path) == ["same.py", "other.py"]


@needs_compiled
def test_what_was_compiled_is_used_unless_asked_not_to() -> None:
    assert ".py " not in f"{said(WHERE)} "
    assert said(WHERE, RIFFBIRD_COMPILED="0").count(".py") == 2


@needs_compiled
def test_one_changed_source_is_heard_and_all_are_imported_from_their_sources(tmp_path: Path) -> None:
    for package in ("composer", "midi_data"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("checkpoints", "__pycache__"))
    assert ".py " not in f"{said(WHERE, root=tmp_path)} "
    with (tmp_path / "composer" / "writer.py").open("a") as source:
        source.write("CHANGED = 'yes'\n")
    changed = f"import composer.decoding.song_state as state; print(state.CHANGED); {WHERE}"
    assert said(changed, root=tmp_path).count(".py") == 2


SONG = """
import hashlib
from composer.decoding.generate import Band
from composer.planning.plan import plan_song
from composer.request import ComposeRequest
from midi_data.io.midi_writer import midi_bytes
from tests.composer.checkpoints import tiny_checkpoint
band = Band(tiny_checkpoint())
asked = [
    ComposeRequest(genres={"heavy-metal": 1.0}, length_seconds=20, seed=seed, sampling=sampling, randomness=randomness)
    for seed, (sampling, randomness) in enumerate([("embedding", 0.2), ("probability", 0.8), ("embedding", 1.0)])
]
songs = band.compose([plan_song(each, band.checkpoint) for each in asked])
print([hashlib.sha256(midi_bytes(song)).hexdigest() for song in songs], [song.note_count for song in songs])
"""


@needs_compiled
def test_songs_are_the_same_compiled_or_not() -> None:
    assert said(SONG) == said(SONG, RIFFBIRD_COMPILED="0")
