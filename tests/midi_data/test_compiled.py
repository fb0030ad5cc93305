"""Compiled modules are used if they were built from the sources beside them, and give the same songs."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from midi_data.compiled import ROOT, changed_sources, recorded_sources

needs_compiled = pytest.mark.skipif(
    not recorded_sources()
    or bool(changed_sources(recorded_sources()))
    or not list((ROOT / "midi_data" / "events").glob("incremental_features.*.so")),
    reason="nothing was compiled at installation, or a source has changed since: pip install -e .",
)


def output_of(code: str, *, root: Path = ROOT, **environment: str) -> str:
    """The output of ``code`` in a new interpreter."""
    variables = os.environ | environment | {"PYTHONPATH": str(root)}
    run = subprocess.run(
        [sys.executable, "-c", code], env=variables, cwd=root, check=True, capture_output=True, text=True
    )
    return run.stdout.strip()


WHERE = (
    "import composer.decoding.song_sampler as sampler, midi_data.events.incremental_features as lookback;"
    "print(sampler.__file__, lookback.__file__)"
)


def test_changed_and_missing_sources_are_reported(tmp_path: Path) -> None:
    (tmp_path / "same.py").write_text("a = 1\n")
    (tmp_path / "other.py").write_text("a = 1\n")
    before = hashlib.sha256(b"a = 1\n").hexdigest()
    recorded = {"same.py": before, "other.py": before}
    assert changed_sources(recorded, tmp_path) == []
    (tmp_path / "other.py").write_text("a = 2\n")
    assert changed_sources(recorded, tmp_path) == ["other.py"]
    (tmp_path / "same.py").unlink()
    assert changed_sources(recorded, tmp_path) == ["same.py", "other.py"]


@needs_compiled
def test_compiled_modules_are_used_unless_switched_off() -> None:
    assert ".py " not in f"{output_of(WHERE)} "
    assert output_of(WHERE, RIFFBIRD_COMPILED="0").count(".py") == 2


@needs_compiled
def test_if_one_source_has_changed_all_are_imported_as_sources(tmp_path: Path) -> None:
    for package in ("composer", "midi_data"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("checkpoints", "__pycache__"))
    assert ".py " not in f"{output_of(WHERE, root=tmp_path)} "
    with (tmp_path / "composer" / "decoding" / "song_state.py").open("a") as source:
        source.write("CHANGED = 'yes'\n")
    changed = f"import composer.decoding.song_state as state; print(state.CHANGED); {WHERE}"
    assert output_of(changed, root=tmp_path).count(".py") == 2


SONG = """
import hashlib
from composer.decoding.generate import Composer
from composer.planning.plan import plan_song
from composer.request import ComposeRequest
from midi_data.io.midi_writer import midi_bytes
from tests.composer.checkpoints import tiny_checkpoint
composer = Composer(tiny_checkpoint())
asked = [
    ComposeRequest(genres={"heavy-metal": 1.0}, length_seconds=20, seed=seed, sampling=sampling, randomness=randomness)
    for seed, (sampling, randomness) in enumerate([("embedding", 0.2), ("probability", 0.8), ("embedding", 1.0)])
]
songs = composer.compose([plan_song(each, composer.checkpoint) for each in asked])
print([hashlib.sha256(midi_bytes(song)).hexdigest() for song in songs], [song.note_count for song in songs])
"""


@needs_compiled
def test_songs_are_the_same_compiled_or_not() -> None:
    assert output_of(SONG) == output_of(SONG, RIFFBIRD_COMPILED="0")
