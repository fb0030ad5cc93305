"""Likelihoods are exact: they sum to one, agree with the torch module, and do not depend on how they are chunked."""

from dataclasses import replace

import numpy as np
import pytest

from composer.likelihood import scorer
from composer.likelihood.array_logits import field_logits
from composer.likelihood.scorer import Scorer, nll
from composer.model.config import CLOCK
from composer.model.engine import Engine
from composer.model.heads import Heads
from composer.model.plan_inputs import PlanInputs
from midi_data.events.encoding import FIELDS, VOCABULARY
from midi_data.events.features import NOTE_LOOKBACK
from midi_data.song import Note, Song, Track
from tests.composer.checkpoints import BAND, tiny_checkpoint
from tests.songs import riff


def test_all_events_together_have_probability_one() -> None:
    checkpoint = tiny_checkpoint(scale=0.8)
    engine, heads = Engine(checkpoint), Heads(checkpoint.weights, checkpoint.config)
    condition = PlanInputs(checkpoint.weights).conditions([[(0, 1.0)]] * 5, BAND)
    event, clock = np.zeros((1, 5 + 1 + 5 * 3 + 1), dtype=np.int64), np.zeros((1, len(CLOCK)), dtype=np.int64)
    before, _ = engine.step(engine.inputs(event) + engine.clock_inputs(clock) + condition, engine.start(1))

    def probs(field: str, chosen: np.ndarray, lookback: int) -> np.ndarray:
        count = len(chosen)
        wide = np.repeat(before, count, axis=0)
        position = None if field == "time_shift" else np.full((count, 1), 7)
        logits = field_logits(heads, field, wide, chosen, position, np.full((count, lookback), 3))
        if field == "part":
            logits = scorer.only(logits, BAND)
        return np.exp(-np.stack([nll(logits, np.full(count, k)) for k in range(VOCABULARY[field])], axis=1))

    time_shift = probs("time_shift", np.zeros((1, 0), dtype=np.int64), 5)[0]
    pairs = np.array([(a, 0) for a in range(VOCABULARY["time_shift"])])[:, :1]
    part = probs("part", pairs, 5)
    joint = time_shift[:, None] * part[:, list(BAND)]
    assert joint.sum() == pytest.approx(1, abs=1e-6)
    some = np.array([(a, p) for a in range(0, VOCABULARY["time_shift"], 40) for p in BAND])
    pitch = probs("pitch", some, NOTE_LOOKBACK)
    assert pitch.sum(axis=1) == pytest.approx(np.ones(len(some)), abs=1e-6)
    notes = np.array([(a, p, y) for a, p in some[:4].tolist() for y in range(0, 256, 5)])
    duration = probs("duration", notes, NOTE_LOOKBACK)
    notes_and_durations = np.array([(*note, d) for note in notes[:40].tolist() for d in range(VOCABULARY["duration"])])
    velocity = probs("velocity", notes_and_durations, NOTE_LOOKBACK).reshape(40, VOCABULARY["duration"], -1)
    assert (duration[:40, :, None] * velocity).sum(axis=(1, 2)) == pytest.approx(np.ones(40), abs=1e-6)


def test_scores_do_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = Scorer(tiny_checkpoint())
    once = scorer.score(riff(), "jazz")
    monkeypatch.setattr("composer.likelihood.scorer.CHUNK", 7)
    assert scorer.score(riff(), "jazz")["fields"] == pytest.approx(once["fields"], rel=1e-5)


def test_shares_sum_to_the_score_and_the_best_genre_is_named() -> None:
    result = Scorer(tiny_checkpoint()).score(riff())
    assert sum(result["fields"].values()) == pytest.approx(result["nll"])
    assert result["nll"] == min(result["by_genre"].values()) == result["by_genre"][result["genre"]]
    assert set(result["fields"]) == {"band", *FIELDS}
    assert np.isfinite(result["nll"])


def test_scoring_equals_the_training_loss_of_the_torch_module() -> None:
    torch = pytest.importorskip("torch", reason="the torch module needs the train extra")
    from composer.model.network import Network
    from midi_data.corpus.dataset import Piece
    from midi_data.events.encoding import encode
    from training.data.batches import collate
    from training.data.examples import Names, Variation, make_example
    from training.validation import _piece_sums

    checkpoint, song = tiny_checkpoint(), riff()
    network = Network(checkpoint.config).eval()
    network.load_state_dict({name: torch.from_numpy(weight) for name, weight in checkpoint.weights.items()})
    piece = Piece(
        "a",
        "jazz",
        "",
        "valid",
        "w",
        "",
        "",
        0,
        song.note_count,
        song.end,
        1.0,
        0,
        tuple((t.onset, t.bpm) for t in song.tempos),
        tuple((m.onset, m.numerator, m.denominator) for m in song.meters),
    )
    example = make_example(piece, encode(song), Names(checkpoint.header.genres, checkpoint.header.styles), Variation())
    assert collate([(example, 0)], 8, torch.tensor([True])).notes == 8
    with torch.no_grad():
        [theirs] = _piece_sums(network, [example], torch.device("cpu"), "fp32")
    mine = Scorer(checkpoint).score(song, "jazz")
    for field, value in zip(FIELDS, theirs, strict=True):
        assert mine["fields"][field] * mine["notes"] == pytest.approx(value, rel=0.01)


def test_a_song_without_notes_is_refused() -> None:
    with pytest.raises(Exception, match="at least one note"):
        Scorer(tiny_checkpoint()).score(Song(()))


def test_the_stages_are_band_chart_and_notes_given_the_chart() -> None:
    torch = pytest.importorskip("torch", reason="weights of the planner come from the torch module")
    from training.planner.network import PlannerNetwork

    torch.manual_seed(1)
    planner = {name: tensor.numpy() for name, tensor in PlannerNetwork(2).state_dict().items()}
    scorer = Scorer(replace(tiny_checkpoint(), planner=planner))
    notes = tuple(Note(24 * beat, 60 + beat % 5, 24, 80) for beat in range(16))
    song = Song((Track(30, is_drum=False, notes=notes),))
    scored = scorer.score(song, "jazz")
    nats = scored["nats"]
    assert nats["band"] == pytest.approx(scored["fields"]["band"] * scored["notes"])
    assert nats["chart"] > 0
    assert nats["total"] == pytest.approx(nats["band"] + nats["chart"] + nats["notes_given_chart"])
    assert scored["nats_per_note"]["total"] == pytest.approx(nats["total"] / scored["notes"])
    assert nats["notes_given_chart"] != pytest.approx(scored["nll"] * scored["notes"] - nats["band"])
    assert "nats" not in Scorer(replace(tiny_checkpoint(), planner={})).score(song, "jazz")
