"""The engine is close to the torch module; it gives the same bits by every backend and in any order of summation."""

from pathlib import Path

import numpy as np
import pytest

from composer.likelihood.array_logits import chord_logits, field_logits
from composer.model.arithmetic.backends import Backend, BackendName, open_backend
from composer.model.arithmetic.quantized import ZERO_POINT
from composer.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from composer.model.checkpoint_parts import PARTS
from composer.model.config import CHORD_CONDITION_CLASSES, ModelConfig
from composer.model.engine import Engine, byte_planes
from composer.model.heads import Heads
from composer.model.plan_inputs import PlanInputs, histogram_roots
from midi_data.analysis.attribute_histograms import HISTOGRAMS_WIDTH
from midi_data.events.encoding import FIELDS, VOCABULARY
from midi_data.events.features import NOTE_LOOKBACK, lookback_by_field
from tests.composer.checkpoints import BAND, tiny_checkpoint

STEPS, LAGS = 40, 5
TOLERANCE = 0.03
"""Eight-bit activations change logits by less."""


def random_inputs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    def classes(*fields: str, shape: tuple[int, ...]) -> np.ndarray:
        return np.stack([rng.integers(0, VOCABULARY[f] + 1, shape) for f in fields], axis=-1)

    target = np.stack([rng.integers(0, VOCABULARY[f], STEPS) for f in FIELDS], axis=-1)
    target[:, 1] = rng.choice(BAND, STEPS)
    return {
        "previous": classes(*FIELDS, shape=(STEPS,)),
        "clock": np.stack([rng.integers(0, c, STEPS) for c in ModelConfig(1, 1).clock_classes.values()], axis=-1),
        "position_after": rng.integers(0, 192, STEPS),
        "next": classes("time_shift", "part", "pitch", shape=(STEPS, LAGS)),
        "part": rng.integers(0, VOCABULARY["part"] + 1, (STEPS, LAGS)),
        "note": classes("pitch", "duration", "velocity", shape=(STEPS, NOTE_LOOKBACK)),
        "matched": rng.integers(0, 2, (STEPS, LAGS)),
        "activity": spread(rng.choice([0, 1, 2, 4, 7], (STEPS, len(BAND)))),
        "activity_after": spread(rng.choice([0, 2, 4, 7], (STEPS, len(BAND)))),
        "slots": rng.integers(0, 1 + len(BAND), (STEPS, 2)),
        "chord": np.stack([rng.integers(0, CHORD_CONDITION_CLASSES, STEPS), rng.integers(0, 3, STEPS)], axis=-1),
        "target": target,
    }


def spread(activity: np.ndarray) -> np.ndarray:
    full = np.zeros((STEPS, VOCABULARY["part"]), dtype=np.int64)
    full[:, list(BAND)] = activity
    return full


LABELS = [[(1, 1.0)], [(2, 1.0)], [(5, 1.0)], [(3, 1.0)], [(2, 1.0)]]


class Net:
    """Engine, heads and plan inputs of a checkpoint."""

    def __init__(self, checkpoint: Checkpoint, backend: Backend | None = None) -> None:
        self.engine, self.heads = Engine(checkpoint, backend), Heads(checkpoint.weights, checkpoint.config)
        self.plan = PlanInputs(checkpoint.weights)


def event_inputs(net: Net, inputs: dict[str, np.ndarray], step: int) -> np.ndarray:
    """(1, I) inputs of one event: the previous one, the clock, and the lookback."""
    matched = inputs["matched"][step] @ (1 << np.arange(LAGS))
    clock = inputs["clock"][step]
    classes = np.array([*inputs["previous"][step], clock[0], *inputs["next"][step].ravel(), matched])
    return net.engine.inputs(classes[None]) + net.engine.clock_inputs(clock[None])


def scored_logits(net: Net, inputs: dict[str, np.ndarray], batch: int = 1) -> dict[str, np.ndarray]:
    """(STEPS, batch, V) logits of each field by the arrays that score."""
    state, logits = net.engine.start(batch), {field: [] for field in FIELDS}
    lookback = lookback_by_field(inputs["next"], inputs["part"], inputs["note"])
    for step in range(STEPS):
        playing = net.plan.activity(inputs["activity"][step : step + 1, list(BAND)], BAND)
        plan = event_inputs(net, inputs, step) + net.plan.conditions(LABELS, BAND) + playing
        inner, state = net.engine.step(np.repeat(plan, batch, 0), state)
        for i, field in enumerate(FIELDS):
            chosen = np.repeat(inputs["target"][step, None, :i], batch, 0)
            position = np.full((batch, 1), inputs["position_after"][step]) if i else None
            seen = np.repeat(lookback[field][step][None], batch, 0)
            activity = np.repeat(inputs["activity_after"][step][None], batch, 0) if field == "part" else None
            chord = np.repeat(inputs["chord"][step, None], batch, 0)
            logits[field].append(field_logits(net.heads, field, inner, chosen, position, seen, activity, chord))
    return {field: np.stack(values) for field, values in logits.items()}


def composed_logits(net: Net, inputs: dict[str, np.ndarray], roots: np.ndarray) -> list[np.ndarray]:
    """Logits of each field as in composing, conditioned on attribute histograms."""
    projections = net.plan.attributes(roots)
    part_layer = net.heads.part_layer(BAND, projections)
    state, found = net.engine.start(1), [[] for _ in FIELDS]
    lookback = lookback_by_field(inputs["next"], inputs["part"], inputs["note"])
    for step in range(STEPS):
        plan = net.plan.activity(inputs["activity"][step : step + 1, list(BAND)], BAND, roots)
        plan = plan + net.plan.conditions(LABELS, BAND) + projections.inputs[inputs["slots"][step, 0]]
        inner, state = net.engine.step(event_inputs(net, inputs, step) + plan, state)
        for i, field in enumerate(FIELDS):
            seen, chosen = lookback[field][step].tolist(), inputs["target"][step, :i].tolist()
            position, chord = [int(inputs["position_after"][step])] * (i > 0), [int(inputs["chord"][step, 0])] * (i > 1)
            hidden = net.heads.hidden(field, inner, np.array([[*chosen, *position, *chord, *seen]]))
            row = (part_layer if field == "part" else net.heads.layers[field])(hidden)[0].tolist()
            if field == "part":
                inner[:, 2:] += projections.heads[inputs["slots"][step, 1]]
            classes = list(BAND) if field == "part" else list(range(VOCABULARY[field]))
            found[i].append(summed(row, classes, seen, inputs["activity_after"][step, list(BAND)]))
            if field == "pitch":
                found[i][-1] = with_chord(net, row, found[i][-1], inputs["chord"][step], inputs["target"][step, 1])
    return [np.array(rows) for rows in found]


def summed(row: list[float], classes: list[int], seen: list[int], activity: np.ndarray) -> list[float]:
    """Logits of ``classes`` with their lookback bonuses and, of parts, their activity bonuses."""
    bonuses, by_activity = row[len(classes) :], row[len(classes) + len(seen) :]
    added = [sum(bonuses[lag] for lag, look in enumerate(seen) if look == each) for each in classes]
    more = [by_activity[each] for each in activity.tolist()] if classes == list(BAND) else [0.0] * len(classes)
    return [sum(three) for three in zip(row, added, more, strict=False)]


def with_chord(net: Net, row: list[float], pitches: list[float], chord: np.ndarray, part: int) -> list[float]:
    """``pitches`` with what each interval above the chord's root adds: the last 12 of ``row``, and the bonus."""
    by_pitch = chord_logits(np.array([row[-12:]]), net.heads.chord_bonus, chord[None], np.array([part]))[0]
    return [logit + more for logit, more in zip(pitches, [*by_pitch, *[0.0] * 128], strict=True)]


def torch_logits(
    checkpoint: Checkpoint, inputs: dict[str, np.ndarray], roots: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    torch = pytest.importorskip("torch", reason="the torch module needs the train extra")
    from composer.model.network import Conditions, Network, StepInputs

    network = Network(checkpoint.config).eval()
    network.load_state_dict({name: torch.from_numpy(weight) for name, weight in checkpoint.weights.items()})
    tensors = {name: torch.from_numpy(column[:, None].astype(np.int64)) for name, column in inputs.items()}
    tensors["matched"] = tensors["matched"].float()
    band = torch.zeros(1, VOCABULARY["part"], dtype=torch.bool)
    band[0, list(BAND)] = True
    with torch.no_grad():
        roots = np.zeros((1 + len(BAND), HISTOGRAMS_WIDTH)) if roots is None else roots
        histograms, parts = torch.from_numpy(roots[None]).float(), torch.tensor([[VOCABULARY["part"], *BAND]])
        conditions = Conditions(torch.tensor([[1, 2, 5, 3, 2]]), band, histograms, parts)
        logits, _ = network(StepInputs(**tensors), conditions, None)
    return {field: logits[field].numpy() for field in FIELDS}


def test_the_engine_and_the_torch_module_agree_on_every_logit() -> None:
    checkpoint, inputs = tiny_checkpoint(scale=0.2), random_inputs(np.random.default_rng(2))
    mine, theirs = scored_logits(Net(checkpoint), inputs), torch_logits(checkpoint, inputs)
    for field in FIELDS:
        known = np.isfinite(theirs[field])
        assert known.any()
        assert theirs[field][known].std() > 3 * TOLERANCE
        np.testing.assert_allclose(mine[field][known], theirs[field][known], atol=TOLERANCE)


def test_composing_and_the_torch_module_agree_with_attribute_histograms() -> None:
    checkpoint, inputs = tiny_checkpoint(scale=0.2), random_inputs(np.random.default_rng(8))
    shares = {part: np.random.default_rng(part).random(HISTOGRAMS_WIDTH) for part in BAND[1:]}
    roots = histogram_roots(shares, BAND)
    mine = composed_logits(Net(checkpoint), inputs, roots)
    theirs, unconditioned = torch_logits(checkpoint, inputs, roots), torch_logits(checkpoint, inputs)
    for field, found in zip(FIELDS, mine, strict=True):
        classes = list(BAND) if field == "part" else list(range(VOCABULARY[field]))
        resting = np.isneginf(theirs[field][:, 0, classes])
        wanted, without = (each[field][:, 0, classes][~resting] for each in (theirs, unconditioned))
        np.testing.assert_allclose(found[~resting], wanted, atol=TOLERANCE)
        assert np.abs(wanted - without).max() > 2 * TOLERANCE


@pytest.mark.parametrize("name", ["numpy", "onnxruntime", "torch"])
def test_every_backend_gives_the_same_bits_in_a_batch_and_alone(name: BackendName) -> None:
    if name != "numpy":
        pytest.importorskip(name, reason="an extra")
    checkpoint, inputs = tiny_checkpoint(), random_inputs(np.random.default_rng(3))
    plain = scored_logits(Net(checkpoint, open_backend("numpy")), inputs)
    net = Net(checkpoint, open_backend(name, "cpu"))
    for batch in (1, 7):
        found = scored_logits(net, inputs, batch)
        for field in FIELDS:
            for song in range(batch):
                assert np.array_equal(plain[field][:, 0], found[field][:, song])


def test_exact_products_do_not_depend_on_the_order_of_summation() -> None:
    net = Net(tiny_checkpoint())
    out, generator = net.heads.layers["pitch"].out, np.random.default_rng(4)
    inner = 500 * generator.standard_normal((1, len(FIELDS), len(out))).astype(np.float32)
    rows = np.zeros((1, 4 + net.engine.config.lookback_size("pitch")), dtype=np.int64)
    active = net.heads.hidden("pitch", inner, rows)[0]
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(out))
        running = np.cumsum(active[order, None] * out[order], axis=0)[-1]
        assert np.array_equal(running, active @ out)
    assert np.abs(out).max() > 0


def test_a_step_returns_a_new_state_and_songs_enter_and_leave_it() -> None:
    engine = Engine(tiny_checkpoint())
    before = engine.start(2)
    inputs = np.random.default_rng(1).integers(-2000, 2000, (2, engine.config.inputs)).astype(np.int32)
    _, after = engine.step(inputs, before)
    assert all((hidden == ZERO_POINT).all() and not cell.any() for hidden, cell in before)
    assert all((hidden != ZERO_POINT).any() and cell.any() for hidden, cell in after)
    later = engine.continued(after, [1], 2)
    for (hidden, cell), (old, old_cell) in zip(later, after, strict=True):
        assert np.array_equal(hidden[0], old[1])
        assert np.array_equal(cell[0], old_cell[1])
        assert (hidden[1:] == ZERO_POINT).all()
        assert not cell[1:].any()


def test_inputs_are_two_bytes_that_are_clipped() -> None:
    inputs = np.array([[0, -1, 255, 4000, -32_000, 10**6, -(10**6)]], dtype=np.int32)
    high, low = byte_planes(inputs).astype(np.int64) - ZERO_POINT
    assert (256 * high + low).tolist() == [0, -1, 255, 4000, -32_000, 32_639, -32_896]


def test_a_checkpoint_survives_the_disk(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint()
    save_checkpoint(checkpoint, tmp_path / "tiny.safetensors")
    back = load_checkpoint(tmp_path / "tiny.safetensors")
    assert back.header == checkpoint.header
    for part in PARTS:
        assert all(np.allclose(getattr(back, part)[n], a, atol=1e-3) for n, a in getattr(checkpoint, part).items())
    assert all(np.array_equal(back.weights[name], weight) for name, weight in checkpoint.weights.items())


def test_the_output_layer_of_a_band_has_the_bits_of_the_whole() -> None:
    net, generator = Net(tiny_checkpoint()), np.random.default_rng(4)
    whole, plain = net.heads.layers["part"], net.plan.attributes(histogram_roots({}, BAND))
    hidden = generator.integers(-512, 512, (3, len(whole.out))) / 512
    few = net.heads.part_layer(BAND, plain)
    for row, every in zip(hidden, whole(hidden), strict=True):
        wanted = [*(every[list(BAND)] + plain.part_bias), *every[VOCABULARY["part"] :]]
        assert few(row).tolist() == wanted
