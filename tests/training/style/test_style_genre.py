"""A genre more for the style model: its row learns from its pieces, nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from midi_data.corpus.dataset import Piece, Shard, all_pieces, open_shards  # noqa: E402  after the check for torch
from midi_data.corpus.prepare import prepare  # noqa: E402
from tests.songs import midi_folder  # noqa: E402
from training.style.genre import learn_genre, with_genre_row  # noqa: E402
from training.style.network import FEWEST_PIECES, StyleNetwork  # noqa: E402
from training.style.pieces import batch_of, pieces_of  # noqa: E402

NEW = 2
"""Row of the new genre, after the two of the network."""
Found = list[tuple[Shard, Piece]]


@pytest.fixture(autouse=True)
def short_training_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("training.style.genre.UPDATES", 40)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def riffs(tmp_path_factory: pytest.TempPathFactory) -> Found:
    folder = tmp_path_factory.mktemp("riffs")
    prepare(midi_folder(folder / "midi", count=2 * FEWEST_PIECES), folder / "corpus", genre="new")
    shards = open_shards(folder / "corpus")
    return [pair for split in ("train", "valid") for pair in all_pieces(shards, split)]


@pytest.fixture(scope="module")
def style() -> dict[str, np.ndarray]:
    torch.manual_seed(2)
    return {name: weight.numpy() for name, weight in StyleNetwork(2).weights().items()}


def nats_of(style: dict[str, np.ndarray], found: Found) -> float:
    """Nats of the pieces as pieces of the new genre."""
    network = StyleNetwork(len(style["genre.weight"]) - 1).eval()
    network.load_state_dict({name: torch.tensor(weight) for name, weight in style.items()})
    pieces = pieces_of(found, ("a", "b", "new"), 0)
    torch.manual_seed(0)
    with torch.no_grad():
        nats = network(batch_of([(piece.genre, piece.views[0]) for piece in pieces]))
    return float(torch.stack(list(nats.values())).sum())


def test_a_new_genre_learns_its_row_and_changes_nothing_else(style: dict[str, np.ndarray], riffs: Found) -> None:
    grown = with_genre_row(style, 1)
    assert np.array_equal(grown["genre.weight"][1 + NEW], style["genre.weight"][2])
    learned = learn_genre(grown, NEW, riffs)
    assert nats_of(learned, riffs) < nats_of(grown, riffs) - 1
    assert learned["genre_pieces"][1 + NEW] == len(riffs)
    for name, weight in learned.items():
        rows = slice(1 + NEW) if name in ("genre.weight", "genre_pieces") else slice(None)
        assert np.array_equal(weight[rows], style[name]), name


def test_fewer_than_ten_pieces_leave_the_row_of_the_nearest_genre(style: dict[str, np.ndarray], riffs: Found) -> None:
    grown = with_genre_row(style, 0)
    learned = learn_genre(grown, NEW, riffs[: FEWEST_PIECES - 1])
    assert all(np.array_equal(learned[name], grown[name]) for name in grown)


def test_a_checkpoint_without_a_style_model_stays_without(riffs: Found) -> None:
    assert learn_genre(with_genre_row({}, 0), NEW, riffs) == {}
