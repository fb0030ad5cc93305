"""The numpy engine equals the torch module; the exact engine gives the same bits in any order of summation."""

from pathlib import Path

import numpy as np
import pytest

from composer.model.arithmetic.quantized import ZERO_POINT
from composer.model.attribute_projections import histogram_roots
from composer.model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from composer.model.config import CHORD_CONDITION_CLASSES, ModelConfig
from composer.model.engine import Engine, EngineState, chord_logits
from composer.model.heads import Heads
from midi_data.analysis.attribute_histograms import HISTOGRAMS_WIDTH
from midi_data.events.encoding import FIELDS, VOCABULARY
from midi_data.events.features import lookback_by_field
from tests.composer.checkpoints import BAND, tiny_checkpoint

STEPS, LAGS = 40, 5


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
        "note": classes("pitch", "duration", "velocity", shape=(STEPS, LAGS + 1)),
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


def engine_logits(engine: Engine, inputs: dict[str, np.ndarray], batch: int = 1) -> dict[str, np.ndarray]:
    condition = np.repeat(
        engine.condition_gates([[(1, 1.0)], [(2, 1.0)], [(5, 1.0)], [(3, 1.0)], [(2, 1.0)]], BAND)[None], batch, 0
    )
    state, logits = engine.start(batch), {field: [] for field in FIELDS}
    lookback = lookback_by_field(inputs["next"], inputs["part"], inputs["note"])
    for step in range(STEPS):
        rows = engine.input_rows(*(inputs[name][step] for name in ("previous", "clock", "next", "matched")))
        playing = engine.activity_gates(inputs["activity"][step : step + 1, list(BAND)], BAND)
        state = engine.step(np.repeat(rows[None], batch, 0), condition + playing, state)
        before = engine.head_inputs(state.hidden[-1])
        for i, field in enumerate(FIELDS):
            chosen = np.repeat(inputs["target"][step, None, :i], batch, 0)
            position = np.full((batch, 1), inputs["position_after"][step]) if i else None
            seen = np.repeat(lookback[field][step][None], batch, 0)
            activity = np.repeat(inputs["activity_after"][step][None], batch, 0) if field == "part" else None
            chord = np.repeat(inputs["chord"][step, None], batch, 0)
            logits[field].append(engine.logits(field, before, chosen, position, seen, activity, chord))
    return {field: np.stack(values) for field, values in logits.items()}


def composed_logits(engine: Engine, inputs: dict[str, np.ndarray], roots: np.ndarray) -> list[np.ndarray]:
    """Logits of each field by the heads for composing, conditioned on attribute histograms."""
    heads, projections = Heads(engine), engine.attribute_projections(roots)
    out = heads.part_output_layer(BAND, projections)
    condition = engine.condition_gates([[(1, 1.0)], [(2, 1.0)], [(5, 1.0)], [(3, 1.0)], [(2, 1.0)]], BAND)
    state, found = engine.start(1), [[] for _ in FIELDS]
    lookback = lookback_by_field(inputs["next"], inputs["part"], inputs["note"])
    for step in range(STEPS):
        gates = condition + engine.activity_gates(inputs["activity"][step : step + 1, list(BAND)], BAND, roots)
        gates = gates + projections.gates[inputs["slots"][step, :1]]
        rows = engine.input_rows(*(inputs[name][step] for name in ("previous", "clock", "next", "matched")))
        state = engine.step(rows[None], gates, state)
        inner = heads.project_hidden(state.hidden[-1])
        for i, field in enumerate(FIELDS):
            seen, chosen = lookback[field][step].tolist(), int(inputs["target"][step, i])
            given = heads.lookback_sum(field, [seen])
            if field == "part":
                [row] = heads.logits_by_song("part", inner, given, [out])
                chord_row = heads.chord_rows[inputs["chord"][step, 0]]
                heads.add_part_context(inner, [projections.heads[inputs["slots"][step, 1]] + chord_row])
            else:
                [row] = heads.logits(field, inner, given)
            classes = list(BAND) if field == "part" else list(range(VOCABULARY[field]))
            found[i].append(summed(row, classes, seen, inputs["activity_after"][step, list(BAND)]))
            if field == "pitch":
                found[i][-1] = with_chord(engine, row, found[i][-1], inputs["chord"][step], inputs["target"][step, 1])
            heads.add_choice(inner, field, [chosen])
            if field == "time_shift":
                heads.add_position(inner, [int(inputs["position_after"][step])])
    return [np.array(rows) for rows in found]


def summed(row: list[float], classes: list[int], seen: list[int], activity: np.ndarray) -> list[float]:
    """Logits of ``classes`` with their lookback bonuses and, of parts, their activity bonuses."""
    bonuses, by_activity = row[len(classes) :], row[len(classes) + len(seen) :]
    added = [sum(bonuses[lag] for lag, look in enumerate(seen) if look == each) for each in classes]
    more = [by_activity[each] for each in activity.tolist()] if classes == list(BAND) else [0.0] * len(classes)
    return [sum(three) for three in zip(row, added, more, strict=False)]


def with_chord(engine: Engine, row: list[float], pitches: list[float], chord: np.ndarray, part: int) -> list[float]:
    """``pitches`` with what each interval above the chord's root adds: the last 12 of ``row``, and the bonus."""
    by_pitch = chord_logits(np.array([row[-12:]]), engine.chord_bonus, chord[None], np.array([part]))[0]
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


def test_numpy_and_torch_agree_on_every_logit() -> None:
    checkpoint, inputs = tiny_checkpoint(), random_inputs(np.random.default_rng(2))
    mine, theirs = engine_logits(Engine(checkpoint, exact=False), inputs), torch_logits(checkpoint, inputs)
    for field in FIELDS:
        known = np.isfinite(theirs[field])
        assert known.any()
        np.testing.assert_allclose(mine[field][known], theirs[field][known], atol=1e-4)


def test_numpy_and_torch_agree_with_attribute_histograms() -> None:
    checkpoint, inputs = tiny_checkpoint(), random_inputs(np.random.default_rng(8))
    shares = {part: np.random.default_rng(part).random(HISTOGRAMS_WIDTH) for part in BAND[1:]}
    roots = histogram_roots(shares, BAND)
    mine = composed_logits(Engine(checkpoint, exact=False), inputs, roots)
    theirs, unconditioned = torch_logits(checkpoint, inputs, roots), torch_logits(checkpoint, inputs)
    for field, found in zip(FIELDS, mine, strict=True):
        classes = list(BAND) if field == "part" else list(range(VOCABULARY[field]))
        resting = np.isneginf(theirs[field][:, 0, classes])
        wanted, without = (each[field][:, 0, classes][~resting] for each in (theirs, unconditioned))
        np.testing.assert_allclose(found[~resting], wanted, atol=1e-4)
        assert np.abs(wanted - without).max() > 0.1


def test_a_song_in_a_batch_has_the_same_bits_as_alone() -> None:
    engine, inputs = Engine(tiny_checkpoint()), random_inputs(np.random.default_rng(3))
    alone, batched = engine_logits(engine, inputs), engine_logits(engine, inputs, batch=7)
    for field in FIELDS:
        for song in range(7):
            assert np.array_equal(alone[field][:, 0], batched[field][:, song])


def test_exact_products_do_not_depend_on_the_order_of_summation() -> None:
    engine = Engine(tiny_checkpoint())
    out = engine.heads["pitch"].out
    active = engine.gelu(np.random.default_rng(4).standard_normal(len(out)).astype(np.float32))
    for seed in range(20):
        order = np.random.default_rng(seed).permutation(len(out))
        running = np.cumsum(active[order, None] * out[order], axis=0)[-1]
        assert np.array_equal(running, active @ out)
    assert np.abs(out).max() > 0


def test_quantization_changes_logits_little() -> None:
    checkpoint, inputs = tiny_checkpoint(scale=0.2), random_inputs(np.random.default_rng(5))
    plain, exact = (engine_logits(Engine(checkpoint, exact=e), inputs) for e in (False, True))
    for field in FIELDS:
        assert np.abs(plain[field] - exact[field]).max() < 0.05


def test_the_heads_for_composing_equal_the_engine() -> None:
    engine, inputs = Engine(tiny_checkpoint()), random_inputs(np.random.default_rng(6))
    heads, songs = Heads(engine), slice(0, 9)
    out = heads.part_output_layer(BAND, engine.attribute_projections(histogram_roots({}, BAND)))
    lookback = lookback_by_field(inputs["next"], inputs["part"], inputs["note"])
    hidden = np.random.default_rng(7).integers(1, 256, (9, engine.config.hidden)).astype(np.uint8)
    inner, target, after = heads.project_hidden(hidden), inputs["target"][songs], inputs["position_after"][songs]
    for i, field in enumerate(FIELDS):
        seen, activity = lookback[field][songs], inputs["activity_after"][songs] if field == "part" else None
        before = engine.head_inputs(hidden)
        position, chord = after[:, None] if i else None, inputs["chord"][songs]
        wanted = engine.logits(field, before, target[:, :i], position, seen, activity, chord)
        is_part = field == "part"
        given = heads.lookback_sum(field, seen.tolist())
        outputs = heads.logits_by_song(field, inner, given, [out] * 9) if is_part else heads.logits(field, inner, given)
        classes = list(BAND) if is_part else list(range(VOCABULARY[field]))
        for row, logits in enumerate(outputs):
            found = summed(logits, classes, seen[row].tolist(), inputs["activity_after"][row, list(BAND)])
            if field == "pitch":
                found = with_chord(engine, logits, found, chord[row], target[row, 1])
            np.testing.assert_allclose(found, wanted[row, classes], atol=1e-5)
        if is_part:
            heads.add_part_context(inner, list(heads.chord_rows[inputs["chord"][songs, 0]]))
        heads.add_choice(inner, field, target[:, i].tolist())
        if field == "time_shift":
            heads.add_position(inner, after.tolist())


def test_a_step_returns_a_new_state() -> None:
    engine = Engine(tiny_checkpoint())
    before = engine.start(1)
    after = engine.step_from_gates(np.ones((1, 4 * engine.config.hidden), dtype=np.float32), before)
    assert not before.cell.any()
    assert (before.hidden == ZERO_POINT).all()
    assert isinstance(after, EngineState)
    assert after.cell.any()
    assert (after.hidden != ZERO_POINT).any()


def test_a_checkpoint_survives_the_disk(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint()
    save_checkpoint(checkpoint, tmp_path / "tiny.safetensors")
    back = load_checkpoint(tmp_path / "tiny.safetensors")
    assert back.header == checkpoint.header
    assert np.array_equal(back.templates, checkpoint.templates)
    assert all(np.array_equal(back.weights[name], weight) for name, weight in checkpoint.weights.items())


def test_an_output_layer_of_some_pitches_has_the_bits_of_the_whole() -> None:
    engine = Engine(tiny_checkpoint())
    heads, generator = Heads(engine), np.random.default_rng(4)
    inner = heads.project_hidden(generator.integers(0, 255, (3, engine.config.hidden)).astype(np.uint8))
    seen_classes = generator.integers(0, VOCABULARY["pitch"] + 1, (3, engine.config.lookback_size("pitch"))).tolist()
    own = [[36, 40, 43, 200], [128 + 36], list(range(60, 72))]
    seen = heads.lookback_sum("pitch", seen_classes)
    every = heads.logits("pitch", inner, seen)
    few = heads.logits_by_song("pitch", inner, seen, [heads.output_layer("pitch", pitches) for pitches in own])
    for row, pitches, mine in zip(every, own, few, strict=True):
        assert mine == [row[pitch] for pitch in pitches] + row[VOCABULARY["pitch"] :]
