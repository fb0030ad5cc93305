"""Golden test: fixed seeds give fixed bytes with the shipped checkpoint, whatever the processor."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from composer.decoding.generate import Composer
from composer.pipeline import composer_for
from composer.planning.plan import plan_song
from composer.request import ComposeRequest
from midi_data.io.midi_writer import midi_bytes
from midi_data.song import Song

ROOT = Path(__file__).parents[1]
SECONDS = 15
SONGS = {
    ("heavy-metal", 1): "aba2c9732b9dd4e0e18f1062780ff2bfc32bcc7d783ee3fb6ec7fe37e56249cb",
    ("jazz", 2): "c65ae5ed9dd048fa58cab15be6722caa131deeca4e3985ce95af8cfa5ab92058",
    ("classical", 3): "0c277e7d746c2ced093dc0bd2631302eaf622e01db12d8c2ff94e0b3047ef90a",
}
"""(genre, seed): SHA-256 of the MIDI bytes of a song composed alone."""
BATCH = "60bd8135cee669dfc18d542b49066613a6acf0f9c5d002da1162a0f40e54bcbc"
"""SHA-256 of the notes of four songs (folk, seeds 0–3) composed as one batch."""


def request(genre: str, seed: int) -> ComposeRequest:
    return ComposeRequest(title="Golden", genres={genre: 1.0}, seed=seed, length_seconds=SECONDS)


def notes_digest(songs: list[Song]) -> str:
    """SHA-256 of every note of every track: program, onset, pitch, duration (ticks), velocity."""
    lines = [
        f"{number} {track.program} {track.is_drum} {note.onset} {note.pitch} {note.duration} {note.velocity}"
        for number, song in enumerate(songs)
        for track in song.tracks
        for note in track.notes
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def compose(*requests: ComposeRequest) -> list[Song]:
    composer: Composer = composer_for(None)
    return composer.compose([plan_song(each, composer.checkpoint) for each in requests])


@pytest.mark.parametrize(("genre", "seed"), SONGS)
def test_a_song_has_its_golden_bytes(genre: str, seed: int) -> None:
    (song,) = compose(request(genre, seed))
    assert hashlib.sha256(midi_bytes(song)).hexdigest() == SONGS[genre, seed]


def test_a_batch_has_its_golden_notes() -> None:
    assert notes_digest(compose(*(request("folk", seed) for seed in range(4)))) == BATCH


@pytest.mark.parametrize("kernel", ["Haswell", "Nehalem"])
def test_other_matrix_kernels_give_the_same_notes(kernel: str) -> None:
    program = (
        "from tests.test_golden import compose, notes_digest, request\n"
        "print(notes_digest(compose(*(request('folk', seed) for seed in range(4)))))"
    )
    environment = os.environ | {"OPENBLAS_CORETYPE": kernel}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == BATCH
