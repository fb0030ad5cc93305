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
    ("heavy-metal", 1): "3dfdfe53c762c76da05d999f909270865e7474a8815da35bfc3ecb31be15dae6",
    ("jazz", 2): "1a6a32510452fcf3154de4518f3bc35f84b39a1d0158d9687cd725842f9dc93f",
    ("classical", 3): "feccaa417bec28ed9ca4e6dda803c69fdc6c10d5570ff1513dd79b440ad65ba3",
}
"""(genre, seed): SHA-256 of the MIDI bytes of a song composed alone."""
BATCH = "d3f160e0121c9a86dbdf427587ac01c7241f53e01ee6bf623b5b2c5df758d545"
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
