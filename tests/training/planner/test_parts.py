"""The instrumentation model in torch says what numpy says; a new genre gets rows, the others keep theirs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from composer.model.checkpoint_parts import PARTS  # noqa: E402  after the check for torch
from composer.planning.instrumentation import Instrumentation  # noqa: E402
from midi_data.corpus.dataset import all_pieces, open_shards  # noqa: E402
from midi_data.corpus.prepare import prepare  # noqa: E402
from tests.composer.checkpoints import tiny_checkpoint  # noqa: E402
from tests.songs import midi_folder  # noqa: E402
from training.data.corpora import names_of  # noqa: E402
from training.data.pieces import CorpusPieces  # noqa: E402
from training.planner.instrumentation import BandNetwork, bands_tensor  # noqa: E402
from training.planner.parts import facts_of, parts_for, pooled_for  # noqa: E402

BANDS = [(0, 124, 132), (8, 9, 200, 515), (0,), tuple(range(0, 64, 4))]


def test_torch_and_numpy_agree_on_the_likelihood_of_bands() -> None:
    torch.manual_seed(1)
    network = BandNetwork(2, 3).eval()
    weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    model = Instrumentation({**weights, "style_share": np.ones((2, 3))})
    genre, style = torch.tensor([0, 1, 1, 0]), torch.tensor([0, 2, 1, 0])
    with torch.no_grad():
        nats = network(genre, style, bands_tensor(BANDS))
    for number, band in enumerate(BANDS):
        wanted = -model.log_probability_in(band, {int(genre[number]): 1.0}, int(style[number]))
        assert float(nats[number]) == pytest.approx(wanted, rel=1e-4)


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> CorpusPieces:
    folder = tmp_path_factory.mktemp("ska")
    midi_folder(folder / "midi", 12)
    return list(all_pieces(open_shards_of(folder), "train"))


def open_shards_of(folder: Path) -> list:  # type: ignore[type-arg]
    prepare(folder / "midi", folder / "corpus", genre="ska", licence="CC0-1.0")
    return open_shards(folder / "corpus")


def test_a_new_genre_gets_rows_and_the_others_keep_theirs(pieces: CorpusPieces) -> None:
    base = tiny_checkpoint()
    names = names_of(pieces, base)
    parts = parts_for(base, names, pieces, nearest="jazz")
    assert names.genres == (*base.header.genres, "ska")
    shapes = {part: PARTS[part](len(names.genres), len(names.styles), parts[part]) for part in PARTS}
    assert {p: {n: a.shape for n, a in parts[p].items()} for p in PARTS} == shapes
    for part, first in (("planner", 1), ("instrumentation", 0)):
        old, new = getattr(base, part)["genre.weight"], parts[part]["genre.weight"]
        assert np.array_equal(new[: len(old)], old)
        assert not np.array_equal(new[-1], old[first + 1])  # trained from jazz
    for name, old in base.planner.items():
        assert name == "genre.weight" or np.array_equal(parts["planner"][name], old)
    assert np.array_equal(parts["style"]["genre.weight"][-1], base.style["genre.weight"][2])


def test_fitting_rows_leaves_torchs_random_numbers_where_they_were(pieces: CorpusPieces) -> None:
    base = tiny_checkpoint()
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    parts_for(base, names_of(pieces, base), pieces)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_its_bands_become_likelier(pieces: CorpusPieces) -> None:
    base = tiny_checkpoint()
    names = names_of(pieces, base)
    parts = parts_for(base, names, pieces, nearest="jazz")
    shard, piece = pieces[0]
    band = shard.events(piece).band
    before = Instrumentation(base.instrumentation).log_probability(band, {1: 1.0})
    assert Instrumentation(parts["instrumentation"]).log_probability(band, {2: 1.0}) > before


def test_facts_are_counted_from_ten_pieces_on(pieces: CorpusPieces) -> None:
    base = tiny_checkpoint()
    names = names_of(pieces, base)
    facts = [facts_of(shard, piece, names) for shard, piece in pieces]
    facts = [replace(each, key=13) for each in facts]
    counted, few = (pooled_for(base, names, some, [0, 1, 1]) for some in ((facts * 10)[:10], facts[:3]))
    assert counted["pieces"][2] == 10
    assert counted["key"][2, 13] == 1
    assert few["pieces"][2] == base.pooled["pieces"][1]
    assert np.array_equal(few["key"][2], base.pooled["key"][1])
    assert np.array_equal(counted["key"][:2], base.pooled["key"][:2])
