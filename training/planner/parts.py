"""The parts of a checkpoint beside the note network, for its genres: those of a base, and rows of new genres.

A new genre's rows start as those of its nearest genre. Planner and instrumentation model are then trained on its pieces
with all other weights frozen, which changes no other genre; pooled statistics are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from composer.model.checkpoint import Checkpoint
from composer.model.checkpoint_parts import Arrays
from composer.model.planner_config import CELLS, FEWEST_PIECES
from midi_data.analysis.chords import chord_slots
from midi_data.analysis.repetition import part_repetition_of, repetition_of
from midi_data.bars import BarGrid
from midi_data.corpus.dataset import Piece, Shard
from training.data.examples import Names
from training.data.pieces import CorpusPieces
from training.planner.charts import Example, batch_of, example_of, excerpt_of
from training.planner.instrumentation import BandNetwork, bands_tensor, playing_band
from training.planner.network import PlannerNetwork
from training.planner.pooled import PieceFacts, pooled_statistics

MOST_PIECES = 300
"""Pieces of a new genre that its rows are fitted to."""
PLANNER_UPDATES, BAND_UPDATES = 24, 100
ROWS_LEARNING_RATE = 0.02
BATCH = 8
SEED = 1
_OFFSETS = {"planner": 1, "style": 1, "instrumentation": 0}
"""Rows of an unknown genre before those of the header's genres."""


def parts_for(base: Checkpoint, names: Names, train: CorpusPieces, nearest: str = "") -> dict[str, Arrays]:
    """Parts with a row for each of ``names``: of ``base`` where it knows the name, else fitted to ``train``.

    ``nearest``: genre of ``base`` whose rows new genres start from; the first without one.
    """
    known = base.header.genres
    start = known.index(nearest) if nearest in known else 0
    sources = [known.index(name) if name in known else start for name in names.genres]
    new = [row for row, name in enumerate(names.genres) if name not in known]
    parts = {part: _with_rows(getattr(base, part), _OFFSETS[part], sources) for part in _OFFSETS}
    parts["instrumentation"] |= _styles(base, names, sources)
    pieces = [(s, p) for s, p in train if names.genre_row(p) in new][:: max(1, len(train) // MOST_PIECES)]
    examples = [example_of(shard, piece, names.genre_row(piece)) for shard, piece in pieces]
    if examples:
        styles = [names.style_row(piece) for _, piece in pieces]
        # A resumed training fits the rows again: the random numbers of the training itself must not move.
        with torch.random.fork_rng(devices=[]):
            parts["planner"] = _fitted_planner(parts["planner"], examples, [1 + row for row in new])
            parts["instrumentation"] = _fitted_bands(parts["instrumentation"], examples, styles, new)
    facts = [facts_of(shard, piece, names) for shard, piece in pieces]
    parts["pooled"] = pooled_for(base, names, facts, sources)
    return parts


def facts_of(shard: Shard, piece: Piece, names: Names) -> PieceFacts:
    """What a piece adds to the pooled statistics."""
    events = shard.events(piece)
    grid = BarGrid.of(events.meters, events.end)
    label, lag = repetition_of(events, grid)
    parts = part_repetition_of(events, grid, label, lag)
    _, numerator, denominator = piece.meters[0]
    meter = numerator, denominator
    return PieceFacts(
        names.genre_row(piece), names.style_row(piece), piece.tempos[0][1], meter, piece.key, events.band, label, lag,
        parts, chord_slots(events, grid),
    )  # fmt: skip


def pooled_for(base: Checkpoint, names: Names, facts: Sequence[PieceFacts], sources: Sequence[int]) -> Arrays:
    """``base``'s statistics with rows for ``names``; those of genres in ``facts`` are counted where they suffice."""
    old, count = base.pooled, len(base.header.genres)
    own = pooled_statistics(facts, len(names.genres), len(names.styles), old["meters"]).arrays()
    styles = [base.header.styles.index(s) if s in base.header.styles else -1 for s in names.styles]
    rows = [*sources, *(count + style if style >= 0 else -1 for style in styles)]
    cells = [cell + CELLS * block for block in (0, *(1 + row for row in sources)) for cell in range(CELLS)]
    made: Arrays = {"meters": old["meters"]}
    for name, pieces, source in (
        *((name, "pieces", rows) for name in ("pieces", "tempo", "meter", "key")),
        *((name, "part_pieces", cells) for name in ("part_pieces", "part_repetition")),
    ):
        padded = np.concatenate([old[name], np.zeros_like(old[name][:1])])  # row −1: no pieces
        counted = own[pieces] >= FEWEST_PIECES
        counted[len(names.genres) if pieces == "pieces" else slice(CELLS)] = False  # the rows of all pieces stay
        chosen = counted.reshape(-1, *[1] * (padded.ndim - 1))
        made[name] = np.where(chosen, own[name], padded[np.array(source)])
    return made


def _with_rows(arrays: Arrays, offset: int, sources: Sequence[int]) -> Arrays:
    """``arrays`` with the rows of the genre table that new genres start from. ``sources``: row of each genre."""
    rows = [*range(offset), *(offset + row for row in sources)]
    return {name: array[rows] if name.startswith("genre") else array for name, array in arrays.items()}


def _styles(base: Checkpoint, names: Names, sources: Sequence[int]) -> Arrays:
    """Rows of styles, new ones as those of "any"; the shares of styles of each genre."""
    old = base.header.styles
    rows = [old.index(style) if style in old else 0 for style in names.styles]
    share = np.zeros((len(names.genres), len(names.styles)))
    for row, (genre, source) in enumerate(zip(names.genres, sources, strict=True)):
        for column, style in enumerate(names.styles):
            if genre in base.header.genres and style in old:
                share[row, column] = base.instrumentation["style_share"][source, old.index(style)]
        share[row, 0] += not share[row].any()
    return {"style.weight": base.instrumentation["style.weight"][rows], "style_share": share}


def _fitted_planner(arrays: Arrays, examples: list[Example], rows: list[int]) -> Arrays:
    network = PlannerNetwork(len(arrays["genre.weight"]) - 1)
    rng = np.random.default_rng(SEED)

    def loss() -> Tensor:
        chosen = rng.choice(len(examples), min(BATCH, len(examples)), replace=False)
        batch = batch_of([excerpt_of(examples[index], rng) for index in chosen])
        return torch.stack(list(network(batch).values())).sum() / batch.real.sum()

    return _fitted(network, arrays, {"genre.weight": rows}, PLANNER_UPDATES, loss)


def _fitted_bands(arrays: Arrays, examples: list[Example], styles: list[int], rows: list[int]) -> Arrays:
    share = arrays.pop("style_share")
    network = BandNetwork(len(arrays["genre.weight"]), len(arrays["style.weight"]))
    rng = np.random.default_rng(SEED)
    bands = bands_tensor([playing_band(excerpt_of(example, rng)) for example in examples])
    genres = torch.tensor([example.conditions.genres[0][0] - 1 for example in examples])

    def loss() -> Tensor:
        out: Tensor = network(genres, torch.tensor(styles), bands).mean()
        return out

    for row in rows:
        own = np.bincount([s for s, g in zip(styles, genres.tolist(), strict=True) if g == row], minlength=1)
        share[row] = np.pad(own / max(own.sum(), 1), (0, share.shape[1] - len(own)))
    trained = {"genre.weight": rows, "style.weight": sorted(set(styles) - {0})}
    return _fitted(network, arrays, trained, BAND_UPDATES, loss) | {"style_share": share}


def _fitted(
    network: nn.Module, arrays: Arrays, rows: dict[str, list[int]], updates: int, loss: Callable[[], Tensor]
) -> Arrays:
    """``arrays`` whose ``rows`` of the named tables are trained by ``loss`` of ``network``."""
    torch.manual_seed(SEED)
    network.load_state_dict({name: torch.from_numpy(array.astype(np.float32)) for name, array in arrays.items()})
    network.eval()
    tables = [(network.get_parameter(name), own) for name, own in rows.items()]
    network.requires_grad_(requires_grad=False)
    for table, _ in tables:
        table.requires_grad_()
    optimizer = torch.optim.Adam([table for table, _ in tables], lr=ROWS_LEARNING_RATE)
    for _ in range(updates):
        optimizer.zero_grad(set_to_none=True)
        loss().backward()  # type: ignore[no-untyped-call]
        for table, own in tables:
            others = torch.ones(len(table), dtype=torch.bool)
            others[own] = False
            if table.grad is not None:
                table.grad[others] = 0
        optimizer.step()
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}
