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
    ("heavy-metal", 1): "4b10136f00da135ca62de1f78bb09409f6aa2c669746dcf8c68e9eda1dc9087a",
    ("jazz", 2): "155d806150ee34f867e474ee4466e11d91713fab3c85e0dd83bfa63724615c55",
    ("classical", 3): "93342392c2fc0ac707e014a77238c3f167c7433f2bd246432250961db18f6501",
}
"""(genre, seed): SHA-256 of the MIDI bytes of a song composed alone."""
BATCH = "8eac5fb216e241b281621c458d553fe7454e3c38f8e5747c467761e8718ed5f9"
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
    band: Composer = composer_for(None)
    return band.compose([plan_song(each, band.checkpoint) for each in requests])


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
