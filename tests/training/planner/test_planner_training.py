"""The planner in torch says what the numpy planner says."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from composer.planning.chart import ChartConditions, Planner  # noqa: E402  after the check for torch
from midi_data.events.encoding import part_code  # noqa: E402
from training.planner.charts import Example, batch_of, excerpt_of  # noqa: E402
from training.planner.network import PlannerNetwork  # noqa: E402

BANDS = ((0, part_code(30, is_drum=False)), (part_code(0, is_drum=False), part_code(33, is_drum=False), 200))


def test_torch_and_numpy_agree_on_the_likelihood_of_padded_charts() -> None:
    torch.manual_seed(1)
    network = PlannerNetwork(2).eval()
    planner = Planner({name: tensor.numpy() for name, tensor in network.state_dict().items()})
    examples = []
    for number, band in enumerate(BANDS):
        conditions = ChartConditions(((number, 1.0),), band, 20 + 7 * number, number, 5, number, 1, number == 0)
        examples.append(Example(conditions, planner.sample(conditions, np.random.default_rng(number))))
    with torch.no_grad():
        nats = network(batch_of(examples))
    for number, example in enumerate(examples):
        wanted = planner.nll(example.conditions, example.chart)
        assert {name: float(values[number]) for name, values in nats.items()} == pytest.approx(wanted, rel=1e-4)


def test_an_excerpt_counts_as_a_whole_song() -> None:
    planner = Planner({name: tensor.numpy() for name, tensor in PlannerNetwork(1).state_dict().items()})
    conditions = ChartConditions(((1, 1.0),), BANDS[0], 80, 0, 5, 0, 1, two_slots=True)
    example = Example(conditions, planner.sample(conditions, np.random.default_rng(2)))
    for seed in range(20):
        part = excerpt_of(example, np.random.default_rng(seed))
        assert part.conditions.bars == len(part.chart.chords) == len(part.chart.activity)
        batch_of([part])  # sources lie within the excerpt
