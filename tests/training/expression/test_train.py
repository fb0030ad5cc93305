"""The expression network is trained on what it will see, and learns values that the parts of a song share."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.numpy import load_file, save_file  # noqa: E402

from composer.errors import CheckpointError  # noqa: E402
from composer.model.expression_file import FORMAT, load_expression  # noqa: E402
from midi_data.events.encoding import VELOCITY_STEP  # noqa: E402
from midi_data.events.expression_features import FEATURES, RESIDUALS, length_code  # noqa: E402
from midi_data.io.midi_writer import midi_bytes  # noqa: E402
from midi_data.song import Meter, Note, Song, Tempo, Track  # noqa: E402
from training.expression import train as expression  # noqa: E402

COLUMN = {name: column for column, name in enumerate(FEATURES)}


def song(velocity: int, drum_ticks: int, bars: int = 4) -> Song:
    """A band whose parts all play ``velocity``; drum strokes last ``drum_ticks``."""
    drums = tuple(Note(24 * n, 36, drum_ticks, velocity) for n in range(4 * bars))
    bass = tuple(Note(48 * n, 40, 40, velocity) for n in range(2 * bars))
    silent = Track(80, False, ())
    tracks = (Track(33, False, bass), silent, Track(0, True, drums))
    return Song(tracks, (Tempo(0, 120.0),), (Meter(0, 4, 4),), "t", end=96 * bars)


def test_parts_have_targets_of_their_notes_and_see_the_song_before_their_first() -> None:
    drums, bass = expression.parts_of(song(100, 3), genre=2)
    assert (len(drums.target), len(bass.target)) == (16, 8)  # the longest first; a silent part is left out
    assert set(drums.target[:, 0]) == set(bass.target[:, 0]) == {100 % VELOCITY_STEP}
    assert set(drums.target[:, 1]) == {length_code(3, 5, is_drum=True)}
    first = COLUMN["song_residual"]
    assert drums.features[0, first] == RESIDUALS
    assert bass.features[0, first] == 100 % VELOCITY_STEP
    assert bass.features[0, COLUMN["class_residual"]] == RESIDUALS
    assert (drums.genre, bass.genre) == (2, 2)


def test_long_parts_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expression, "LONGEST_PART", 10)
    assert [len(part.target) for part in expression.parts_of(song(100, 3), 0)] == [10, 6, 8]


def test_genres_are_drawn_by_the_square_root_of_their_notes() -> None:
    parts = [part for genre, bars in ((0, 4), (1, 16)) for part in expression.parts_of(song(100, 3, bars), genre)]
    shares = expression.sampling_shares(parts)
    notes = np.array([len(part.target) for part in parts])
    genre = np.array([part.genre for part in parts])
    expected = [(notes * shares)[genre == g].sum() for g in (0, 1)]
    assert shares.sum() == pytest.approx(1)
    assert expected[1] / expected[0] == pytest.approx(2)  # four times the notes


def test_the_network_learns_what_the_parts_of_a_song_share() -> None:
    torch.manual_seed(0)
    songs = [song(96 + residual, 1 + 2 * residual) for residual in range(RESIDUALS)]
    parts = [part for each in songs for part in expression.parts_of(each, 1)]
    network = expression.ExpressionNetwork(2)
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    before = expression.mean_nats(expression.validate(network, parts))
    for _ in range(60):
        (batch,) = expression.batches(parts, None)
        loss = expression.nll(network, *batch).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    after = expression.mean_nats(expression.validate(network, parts))
    assert after[0] < before[0] / 4
    bass = [part for part in parts if part.features[0, COLUMN["family"]] == 33 // 8]
    features, genre, target = next(expression.batches(bass, None))
    with torch.no_grad():
        residual, _ = network(features, genre, target[..., 0])
    # The first note of the bass: only the drums say what the song's residual is.
    assert (residual[0].argmax(-1) == target[0, :, 0]).float().mean() > 0.8


def test_the_command_writes_a_file_that_the_composer_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus, out = tmp_path / "corpus", tmp_path / "expression.safetensors"
    write_corpus(corpus)
    monkeypatch.setattr("sys.argv", ["train", str(corpus), "--out", str(out), "--minutes", "0.005"])
    expression.main()
    result = json.loads(capsys.readouterr().out)
    assert set(result["genres"]) == {"pop"}
    assert result["residual"] > 0
    network = load_expression(out)
    assert network.genre_row({"pop": 1.0}).shape == network.genre_row({}).shape
    weights = load_file(out)
    save_file(weights, out, {"format": "riffbird-expression-1", "genres": '["any", "pop"]'})
    with pytest.raises(CheckpointError, match=FORMAT):
        load_expression(out)


def write_corpus(folder: Path) -> None:
    """An archive of one genre with a manifest: three pieces to train on, one held out."""
    folder.mkdir()
    lines = ["path,genre,split,work,title,licence"]
    with tarfile.open(folder / "pop.tar", "w") as archive:
        for index in range(4):
            content, entry = midi_bytes(song(97 + index, 3)), tarfile.TarInfo(f"pop/{index}.mid")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
            lines.append(f"pop/{index}.mid,pop,{'valid' if index == 3 else 'train'},{index},{index},CC0")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
