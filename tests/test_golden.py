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
    ("heavy-metal", 1): "9e7f02477e08ef5cc57d98c59cda4b30cd0c2a5e2c7d68820ca9a6630e2d1a48",
    ("jazz", 2): "d3dbd372189834079e6d51187583df00314d0af39868ab2dcc8562be31071950",
    ("classical", 3): "32dfc0a5742ee653a9c70fd9b8365ac381fcd9e467db7dad0d6d61587137ed7c",
}
"""(genre, seed): SHA-256 of the MIDI bytes of a song composed alone."""
BATCH = "b534e6d82f3c3274597df966e6b9ff0e3d04ee81904e5848fa68ebe45b279c01"
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
