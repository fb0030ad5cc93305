"""The piano-roll benchmark: an exact distribution over frames, scored by the protocol. Tiny networks, made-up music."""

import itertools
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="training needs the train extra")

from bot.cli.benchmark.command import app  # noqa: E402
from composer.errors import CheckpointError  # noqa: E402
from composer.model.checkpoint import shipped_checkpoint  # noqa: E402
from training.config import RECIPES  # noqa: E402
from training.errors import ConfigError, TrainingError  # noqa: E402
from training.pianoroll.batches import RollBatchStream  # noqa: E402
from training.pianoroll.benchmark import RollRequest, config_for, run_benchmark  # noqa: E402
from training.pianoroll.checkpoint import (  # noqa: E402
    SHIPPED,
    find_checkpoint,
    header_for,
    load_roll_checkpoint,
    save_roll_checkpoint,
)
from training.pianoroll.config import RollTrainingConfig, RollWidths, read_roll_config  # noqa: E402
from training.pianoroll.data import KEYS, LOWEST, Roll, RollSet, read_rolls  # noqa: E402
from training.pianoroll.features import Piece, collate, make_example, shift  # noqa: E402
from training.pianoroll.matches import find_matches  # noqa: E402
from training.pianoroll.model_config import LAGS, RollShape  # noqa: E402
from training.pianoroll.network import OUTSIDE_PROBABILITY, RollNetwork  # noqa: E402
from training.pianoroll.score import Score, score_rolls  # noqa: E402
from training.pianoroll.trainer import RollTrainer  # noqa: E402
from training.trainer import Report  # noqa: E402

ROOT = Path(__file__).parents[2]
WIDTHS = RollWidths(features=8, key_hidden=8, key=8, frame_hidden=8, chord_hidden=8, score=8)
TINY = RollTrainingConfig(
    name="tiny", updates=12, batch_size=2, steps=8, warm_up_updates=2, valid_every=6, learning_rate=1e-2, widths=WIDTHS
)
SMALL = RollShape(60, 65, **WIDTHS.model_dump())


def roll(*frames: tuple[int, ...]) -> Roll:
    keys = np.zeros((len(frames), KEYS), dtype=np.uint8)
    for time, frame in enumerate(frames):
        keys[time, [pitch - LOWEST for pitch in frame]] = 1
    return keys


def network(shape: RollShape = SMALL, std: float = 0.4) -> RollNetwork:
    torch.manual_seed(3)
    made = RollNetwork(shape).eval()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=std)
    return made


def tunes(count: int) -> list[list[list[int]]]:
    """Pieces that go up and down in thirds, each from its own key."""
    walk = [0, 2, 4, 5, 7, 5, 4, 2]
    return [[[60 + i % 5 + s, 64 + i % 5 + s] for s in walk * 2] for i in range(count)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "tunes.json"
    path.write_text(json.dumps({"train": tunes(6), "valid": tunes(2), "test": tunes(3)}))
    return path


@torch.no_grad()
def nats(net: RollNetwork, played: Roll) -> torch.Tensor:
    laid = make_example(Piece.of(played), net.shape)
    return net(collate([(laid, 0)], len(laid)))[0][:, 0].double()


@pytest.mark.parametrize("descending", [True, False])
def test_the_probabilities_of_all_frames_sum_to_one(descending: bool) -> None:
    net = network(RollShape(60, 65, descending=descending, **WIDTHS.model_dump()))
    past = [(60, 64), (), (62,), (60, 64), (61, 63, 65)]
    subsets = [keys for count in range(7) for keys in itertools.combinations(range(60, 66), count)]
    total = sum(math.exp(-float(nats(net, roll(*past, frame))[-1])) for frame in subsets)
    # The other 82 keys are silent in all of these.
    assert total == pytest.approx((1 - OUTSIDE_PROBABILITY) ** 82, rel=1e-5)


def test_a_key_that_is_not_followed_costs_its_own_small_chance() -> None:
    net = network()
    inside, outside = nats(net, roll((60,), (61,)))[-1], nats(net, roll((60,), (61, 90)))[-1]
    assert float(outside - inside) == pytest.approx(
        -math.log(OUTSIDE_PROBABILITY / (1 - OUTSIDE_PROBABILITY)), abs=1e-4
    )


def test_a_frame_is_judged_by_the_frames_before_it_only() -> None:
    net, rng = network(), np.random.default_rng(1)
    played = np.zeros((40, KEYS), dtype=np.uint8)
    played[:, 39:45] = rng.random((40, 6)) < 0.4
    whole = nats(net, played)
    for end in (7, 20, 33):
        other = played.copy()
        other[end:, 39:45] = rng.random((40 - end, 6)) < 0.4
        assert torch.allclose(nats(net, other)[: end - 1], whole[: end - 1], atol=1e-6)


def test_an_untaught_network_gives_what_a_hand_computes() -> None:
    net = network(std=0.0)
    # All logits are 0, so each decision is even among the keys left and the end: descending from six keys,
    # {64, 61} is 1 of 7, then 1 of the four below 64 and the end, then the end against 60.
    by_hand = math.log(7) + math.log(5) + math.log(2) - 82 * math.log1p(-OUTSIDE_PROBABILITY)
    assert float(nats(net, roll((), (61, 64)))[-1]) == pytest.approx(by_hand, abs=1e-5)


def test_the_first_frame_is_not_scored_and_the_average_is_over_frames() -> None:
    net = network()
    pieces = [roll((60,), (61,), (62,), (63,)), roll((64,), (65,)), roll((60, 62))]
    score = score_rolls(net, pieces)
    assert score.frames.tolist() == [3, 1, 0]
    by_hand = torch.cat([nats(net, pieces[0]), nats(net, pieces[1])])
    assert score.nll == pytest.approx(float(by_hand.mean()), abs=1e-5)
    assert score.nats[2] == 0


def test_long_pieces_scored_in_cuts_and_groups_score_as_alone() -> None:
    net, rng = network(), np.random.default_rng(2)
    pieces = []
    for length in (150, 3, 70):
        played = np.zeros((length, KEYS), dtype=np.uint8)
        played[:, 39:45] = rng.random((length, 6)) < 0.3
        pieces.append(played)
    score = score_rolls(net, pieces)
    for played, total in zip(pieces, score.nats, strict=True):
        assert total == pytest.approx(float(nats(net, played).sum()), rel=1e-5)


def test_the_interval_holds_the_figure_and_is_the_same_each_time() -> None:
    score = Score(np.array([10.0, 30.0, 22.0]), np.array([10, 20, 11]))
    low, high = score.interval()
    assert low <= score.nll <= high
    assert score.interval() == (low, high)


def test_matches_find_where_the_piece_has_been() -> None:
    a, b, c, d = (60, 64), (62, 65), (64,), (67,)
    found = find_matches(roll(a, b, c, d, a, b, c))
    assert found.source[6].tolist()[0] == 2
    assert found.length[6].tolist()[0] == 2
    up = find_matches(roll((60, 64), (62, 65), (64,), (65, 69), (67, 70), (69,)))
    assert up.source[5, 1] == 2
    assert up.semitones[5] == 5
    assert (up.source < np.arange(6)[:, None]).all()


def test_a_shifted_match_is_laid_out_where_it_would_sound_now() -> None:
    laid = make_example(
        Piece.of(roll((60, 64), (62, 65), (64,), (65, 69), (67, 70), (69,))), RollShape(descending=False)
    )
    shifted = laid.planes[-1, len(LAGS) + 5 : len(LAGS) + 10]
    assert np.argwhere(shifted)[:, 1].tolist() == [69 - LOWEST]


def test_transposing_moves_what_is_seen_and_nothing_else() -> None:
    piece, shape = Piece.of(roll(*[tuple(frame) for frame in tunes(1)[0]])), RollShape(descending=False)
    plain, up = make_example(piece, shape), make_example(piece, shape, semitones=3)
    assert np.array_equal(np.roll(plain.planes, 3, axis=-1), up.planes)
    assert np.array_equal(np.roll(plain.target, 3, axis=-1), up.target)
    assert np.array_equal(plain.facts, up.facts)
    assert np.array_equal(shift(shift(piece.roll, -4), 4), piece.roll)


def training(data: Path, folder: Path, **changes: Any) -> RollTrainer:
    recipe = TINY.model_copy(update=changes)
    return RollTrainer(recipe, read_rolls(data), folder, torch.device("cpu"))


def test_the_loss_falls_and_the_best_weights_are_kept(data: Path, tmp_path: Path) -> None:
    reports: list[Report] = []
    run = training(data, tmp_path / "t", updates=60, valid_every=20)
    run.run(reports.append)
    assert reports[-1].best < 0.7 * reports[19].valid["valid"]["nll"]
    assert [report.update for report in reports if report.validated_at == report.update] == [20, 40, 60]
    kept = load_roll_checkpoint(run.best_path)
    again = score_rolls(kept.network, read_rolls(data).pieces("valid")).nll
    assert kept.header.valid_nll == pytest.approx(again, abs=0.02)  # half precision on disk


def test_a_resumed_training_ends_with_the_same_weights_as_an_undisturbed_one(data: Path, tmp_path: Path) -> None:
    whole = training(data, tmp_path / "whole")
    whole.run(lambda _: None)

    class StoppedError(Exception):
        pass

    def stop_at_eight(report: Report) -> None:
        if report.update == 8:
            broken.save()
            raise StoppedError

    broken = training(data, tmp_path / "broken")
    with pytest.raises(StoppedError):
        broken.run(stop_at_eight)
    resumed = training(data, tmp_path / "broken")
    resumed.resume()
    resumed.run(lambda _: None)
    for name, weight in whole.named.items():
        assert torch.equal(weight, resumed.named[name]), name
        assert torch.equal(whole.average[name], resumed.average[name]), name


def test_a_snapshot_of_another_training_is_refused(data: Path, tmp_path: Path) -> None:
    training(data, tmp_path / "t").save()
    with pytest.raises(TrainingError, match="another set, other widths or another version"):
        training(data, tmp_path / "t", widths=WIDTHS.model_copy(update={"key": 4})).resume()


def test_training_transposes_within_the_keys_that_are_followed(data: Path) -> None:
    rolls = read_rolls(data)
    shape = RollShape(59, 76, **WIDTHS.model_dump())
    batches = RollBatchStream([Piece.of(each) for each in rolls.pieces("train")], shape, TINY)
    for _ in range(50):
        steps, _ = batches.next()
        assert not steps.outside.any()


def test_time_given_ends_a_training(data: Path, tmp_path: Path) -> None:
    run = RollTrainer(TINY, read_rolls(data), tmp_path / "t", torch.device("cpu"), minutes=1e-6)
    run.run(lambda _: None)
    assert run.update == 1
    assert run.best_path.exists()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "keys train, valid, test"),
        ('{"valid": 3}', "valid is a list"),
        ('{"valid": [3]}', r"valid\[0\]: a piece is a list"),
        ('{"valid": [[3]]}', r"valid\[0\]\[0\]: a frame is a list"),
        ('{"valid": [[[60], [109]]]}', r"valid\[0\]\[1\]: a pitch is an integer 21 to 108, not 109"),
        ('{"test": [[[60.5]]]}', "integer"),
        ('{"test": [[[true]]]}', "integer"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(text: str, rule: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(TrainingError, match=rule) as caught:
        read_rolls(path)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_kind_is_refused(tmp_path: Path, data: Path) -> None:
    if shipped_checkpoint().exists():
        with pytest.raises(CheckpointError, match="damaged or foreign checkpoint"):
            load_roll_checkpoint(shipped_checkpoint())
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        load_roll_checkpoint(data)
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_roll_checkpoint(tmp_path / "none.safetensors")


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "n.safetensors"
    save_roll_checkpoint(network(), header_for(RollShape(60, 66, **WIDTHS.model_dump()), name="n"), path)
    with pytest.raises(CheckpointError, match="must have shape"):
        load_roll_checkpoint(path)
    net = network()
    net.key.weight.data[0, 0] = math.nan
    save_roll_checkpoint(net, header_for(SMALL, name="n"), path)
    with pytest.raises(CheckpointError, match="not finite"):
        load_roll_checkpoint(path)


def test_a_set_is_recognised_by_its_content_then_by_its_name(tmp_path: Path, data: Path) -> None:
    rolls = read_rolls(data)
    save_roll_checkpoint(
        network(), header_for(SMALL, name="x", prints=rolls.digests()), tmp_path / "pianoroll-x.safetensors"
    )
    again = RollSet(tmp_path / "other.json", {"train": rolls.pieces("train")[::-1]})
    assert find_checkpoint(again, tmp_path) == tmp_path / "pianoroll-x.safetensors"
    foreign = RollSet(tmp_path / "JSB-Chorales.json", {"train": rolls.pieces("test")})
    assert find_checkpoint(foreign, tmp_path) is None
    save_roll_checkpoint(network(), header_for(SMALL, name="j"), tmp_path / "pianoroll-jsb.safetensors")
    assert find_checkpoint(foreign, tmp_path) == tmp_path / "pianoroll-jsb.safetensors"


class Quiet:
    def note(self, text: str) -> None:
        assert text

    def __call__(self, report: Report) -> None:
        assert report.update > 0

    def scored(self, part: str, done: int, pieces: int) -> None:
        assert part in {"valid", "test"}
        assert 0 < done <= pieces


def tiny_recipe(folder: Path) -> Path:
    path = folder / "r.toml"
    widths = "\n".join(f"{name} = 8" for name in RollWidths.model_fields)
    path.write_text(f"name = 'tunes'\nbatch_size = 2\nsteps = 8\nvalid_every = 3\n[widths]\n{widths}\n")
    return path


def test_a_file_becomes_a_checkpoint_and_figures(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run_benchmark(RollRequest(data, train=True, updates=4, seed=7, recipe=tiny_recipe(tmp_path)), Quiet())
    assert result["seed"] == 7
    assert result["trained_on_this_train"]
    assert (result["valid_pieces"], result["valid_frames"]) == (2, 30)
    assert (result["test_pieces"], result["test_frames"]) == (3, 45)
    assert result["test_interval"][0] <= result["test_nll"] <= result["test_interval"][1]
    again = CliRunner().invoke(app, ["pianoroll", "--data", str(data), "--checkpoint", result["checkpoint"], "--json"])
    assert again.exit_code == 0, again.output
    told = json.loads(again.stdout.splitlines()[-1])
    assert told["valid_nll"] == pytest.approx(result["valid_nll"])
    assert told["test_nll"] == pytest.approx(result["test_nll"])


def test_nothing_to_score_or_to_train_on_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="--train trains one"):
        run_benchmark(RollRequest(data), Quiet())
    only = tmp_path / "only.json"
    only.write_text(json.dumps({"train": tunes(1)}))
    with pytest.raises(TrainingError, match="nothing to score"):
        run_benchmark(RollRequest(only), Quiet())
    with pytest.raises(TrainingError, match="some in valid"):
        run_benchmark(RollRequest(only, train=True), Quiet())


def test_each_set_has_its_recipe_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    for path in RECIPES.glob("pianoroll-*.toml"):
        assert read_roll_config(path).name == path.stem
    assert config_for(RollRequest(Path("musedata.trainvalid.json"))).name == "pianoroll-musedata"
    assert config_for(RollRequest(Path("piano_midi.json"), seed=5)).seed == 5
    assert config_for(RollRequest(Path("mine.json"))) == RollTrainingConfig()
    (tmp_path / "r.toml").write_text("batch_size = 0")
    with pytest.raises(ConfigError, match="batch_size"):
        read_roll_config(tmp_path / "r.toml")


def test_shipped_checkpoints_are_good_and_small() -> None:
    for path in SHIPPED.glob("*.safetensors"):
        checkpoint = load_roll_checkpoint(path)
        assert checkpoint.header.name == path.stem
        assert checkpoint.header.prints["train"]
        assert path.stat().st_size < 5 * 2**20


def test_every_option_that_the_page_shows_exists() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    shown = CliRunner().invoke(app, ["pianoroll", "--help"], env={"COLUMNS": "200"}).output
    lines = re.findall(r"^\s*riffbird benchmark pianoroll (.*)$", page, re.MULTILINE)
    assert lines
    for flag in re.findall(r"--[a-z-]+", " ".join(lines)):
        assert flag in shown, flag
