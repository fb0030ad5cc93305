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
    ("heavy-metal", 1): "220489d12a085ebc3e83d47a9238830b9ec81f4b2f707ff841b6b93d0c9da325",
    ("jazz", 2): "9646b526c112a46e35eb2f984aa508657d5a4a3e12a9fc7accbab7ff667f4101",
    ("classical", 3): "99738c8d3f640d82ff39f81437cdb536ffe1abc74771e652119f7fbf2b727163",
}
"""(genre, seed): SHA-256 of the MIDI bytes of a song composed alone."""
BATCH = "2ed290ee2778cf624437fdc58b81276c0617b42f6aed43614b4dcdae40af3307"
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


def compose(*requests: ComposeRequest, batch_size: int = 16) -> list[Song]:
    composer: Composer = composer_for(None)
    return composer.compose([plan_song(each, composer.checkpoint) for each in requests], batch_size=batch_size)


@pytest.mark.parametrize(("genre", "seed"), SONGS)
def test_a_song_has_its_golden_bytes(genre: str, seed: int) -> None:
    (song,) = compose(request(genre, seed))
    assert hashlib.sha256(midi_bytes(song)).hexdigest() == SONGS[genre, seed]


def test_a_batch_has_its_golden_notes() -> None:
    assert notes_digest(compose(*(request("folk", seed) for seed in range(4)))) == BATCH


PROGRAM = """
import sys
from composer.model.arithmetic.backends import select_backend
from tests.test_golden import compose, notes_digest, request

backend, batch_size, songs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
assert select_backend(backend, "cpu").name == backend
print(notes_digest(compose(*(request("folk", seed) for seed in range(songs)), batch_size=batch_size)))
"""


def digest_elsewhere(kernel: str, backend: str, batch_size: int, songs: int) -> str:
    """The digest of folk songs by a process whose BLAS uses the products of another processor."""
    if backend != "numpy":
        pytest.importorskip(backend, reason="an extra")
    words = [sys.executable, "-c", PROGRAM, backend, str(batch_size), str(songs)]
    environment = os.environ | {"OPENBLAS_CORETYPE": kernel}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("kernel", "backend", "batch_size"), [("Haswell", "numpy", 4), ("Nehalem", "onnxruntime", 1), ("Zen", "torch", 4)]
)
def test_other_processors_and_backends_give_the_same_notes(kernel: str, backend: str, batch_size: int) -> None:
    assert digest_elsewhere(kernel, backend, batch_size, 4) == BATCH


@pytest.mark.slow
def test_every_processor_backend_and_batch_gives_the_same_notes() -> None:
    kernels = ("Haswell", "Nehalem", "Sandybridge")
    backends = ("numpy", "onnxruntime", "torch")
    order = (*backends, *backends[1:], *backends[:1], *backends[2:], *backends[:2])  # each with each batch size
    digests = {
        digest_elsewhere(kernel, backend, batch_size, 16)
        for kernel, backend, batch_size in zip(kernels * 3, order, (1, 4, 16) * 3, strict=True)
    }
    assert len(digests) == 1
