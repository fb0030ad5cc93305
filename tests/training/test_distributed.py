"""Several processes, or one that plays its lanes in shares, train as one would at once. Real processes over gloo."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from safetensors.torch import load_file  # noqa: E402

from midi_data.corpus.dataset import all_pieces, open_shards  # noqa: E402
from midi_data.corpus.prepare import prepare  # noqa: E402
from tests.songs import midi_folder  # noqa: E402
from tests.training.distributed_program import Watched, trained  # noqa: E402
from tests.waiting import free_port  # noqa: E402
from training.config import TrainingConfig, read_config  # noqa: E402
from training.data.batches import BatchStream, split_batch  # noqa: E402
from training.data.corpora import names_of  # noqa: E402
from training.distributed import Ranks, joined  # noqa: E402
from training.errors import ConfigError, TrainingError  # noqa: E402
from training.launch import without  # noqa: E402
from training.request import TrainingRequest, check_processes  # noqa: E402

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
NO_DROPOUT = dict.fromkeys(("inputs", "layers", "outputs", "recurrent_weights", "lookback"), 0.0)
TINY: dict[str, Any] = {
    "name": "tiny", "updates": 6, "batch_size": 5, "steps": 24, "warm_up_updates": 2, "valid_every": 4,
    "learning_rate": 1e-3, "final_learning_rate_ratio": 1.0, "precision": "fp32", "dropouts": NO_DROPOUT,
    "widths": {"hidden": 16, "layers": 2, "inputs": 16, "head": 16},
}  # fmt: skip
WITH_DROPOUT = {**TINY, "dropouts": {}}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    prepare(midi_folder(folder / "ska", count=7), folder / "out", genre="ska")
    return folder / "out"


def order_for(prepared: Path, folder: Path, recipe: dict[str, Any], **more: Any) -> dict[str, Any]:
    plain = {"prepared": str(prepared), "folder": str(folder), "out": str(folder / "out.safetensors")}
    return {**plain, "recipe": recipe, "resume": False, "stop_at": 0, **more}


def run_ranks(order: dict[str, Any], count: int = 2) -> list[dict[str, torch.Tensor]]:
    """Weights, averages and last gradients of each of ``count`` processes."""
    folder = Path(order["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "order.json").write_text(json.dumps(order))
    shared = {**os.environ, "WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    command = [sys.executable, "-m", "tests.training.distributed_program", str(folder / "order.json")]
    ranks = [
        subprocess.Popen(command, cwd=ROOT, env={**shared, "RANK": str(rank), "OMP_NUM_THREADS": "1"})
        for rank in range(count)
    ]
    assert [rank.wait(timeout=300) for rank in ranks] == [0] * count
    return [load_file(f"{order['out']}-{rank}") for rank in range(count)]


def one_process(prepared: Path, folder: Path, recipe: dict[str, Any]) -> Watched:
    return trained(order_for(prepared, folder, recipe), Ranks(CPU))


@pytest.fixture(scope="module")
def of_two(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, torch.Tensor]]]:
    folder = tmp_path_factory.mktemp("two")
    return folder, run_ranks(order_for(prepared, folder, TINY))


def test_two_processes_have_the_gradients_and_the_weights_of_one(
    prepared: Path, of_two: tuple[Path, list[dict[str, torch.Tensor]]], tmp_path: Path
) -> None:
    alone = one_process(prepared, tmp_path, TINY)
    folder, (one, other) = of_two
    assert all(torch.equal(one[name], other[name]) for name in one)
    for name, gradient in alone.gradients[0].items():
        torch.testing.assert_close(one[f"gradient.{name}"], gradient, rtol=1e-4, atol=1e-6)
    for name, weight in alone.named.items():
        torch.testing.assert_close(one[f"weight.{name}"], weight.detach(), rtol=1e-3, atol=1e-4)
    facts = json.loads((folder / "snapshot" / "facts.json").read_text())
    assert facts["items"] == alone.items
    nll, of_alone = (history[0]["valid"]["ska"]["nll"] for history in (facts["history"], alone.history))
    assert nll == pytest.approx(of_alone, rel=1e-3)


def test_one_process_goes_on_where_two_ended(
    prepared: Path, of_two: tuple[Path, list[dict[str, torch.Tensor]]], tmp_path: Path
) -> None:
    longer = {**TINY, "updates": 8}
    whole = one_process(prepared, tmp_path / "whole", longer)
    shutil.copytree(of_two[0] / "snapshot", tmp_path / "two" / "snapshot")
    resumed = trained(order_for(prepared, tmp_path / "two", longer, resume=True), Ranks(CPU))
    assert len(resumed.gradients) == 2
    assert resumed.items == whole.items
    for name, weight in whole.named.items():
        torch.testing.assert_close(resumed.named[name], weight, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_two_processes_that_are_stopped_in_a_piece_go_on_as_if_they_had_not_been(
    prepared: Path, tmp_path: Path
) -> None:
    whole = run_ranks(order_for(prepared, tmp_path / "whole", WITH_DROPOUT))
    run_ranks(order_for(prepared, tmp_path / "broken", WITH_DROPOUT, stop_at=3))
    resumed = run_ranks(order_for(prepared, tmp_path / "broken", WITH_DROPOUT, resume=True))
    for name in (name for name in whole[0] if not name.startswith("gradient.")):
        assert torch.equal(whole[0][name], resumed[0][name]), name


@pytest.mark.parametrize("accumulate", [2, 5])
def test_lanes_played_in_shares_have_the_gradients_of_all_at_once(
    prepared: Path, tmp_path: Path, accumulate: int
) -> None:
    at_once = one_process(prepared, tmp_path / "once", {**TINY, "updates": 2})
    in_shares = one_process(prepared, tmp_path / "shares", {**TINY, "updates": 2, "accumulate": accumulate})
    # The second update begins with the state that the first left.
    for whole, summed in zip(at_once.gradients, in_shares.gradients, strict=True):
        for name, gradient in whole.items():
            torch.testing.assert_close(summed[name], gradient, rtol=1e-3, atol=2e-5)
    assert in_shares.items == at_once.items


def test_the_lanes_of_all_processes_are_those_of_one_and_resume_in_a_piece(prepared: Path) -> None:
    held = list(all_pieces(open_shards(prepared), "train"))
    names, recipe = names_of(held), TrainingConfig(**TINY)
    whole = BatchStream(held, names, recipe)
    shares = [BatchStream(held, names, recipe, Ranks(CPU, rank, 3).own(recipe.batch_size)) for rank in range(3)]
    for at in range(40):
        if at == 17:
            assert all(each.state() == whole.state() for each in shares)
            again = [BatchStream(held, names, recipe, Ranks(CPU, rank, 2).own(recipe.batch_size)) for rank in range(2)]
            for each in again:
                each.restore(whole.state())
            shares = again
        together, parts = whole.next(), [each.next() for each in shares]
        assert torch.equal(together.target, torch.cat([part.target for part in parts], dim=1))
        assert torch.equal(together.inputs.note, torch.cat([part.inputs.note for part in parts], dim=1))
        assert torch.equal(together.resets, torch.cat([part.resets for part in parts]))
        assert (
            together.notes == sum(part.notes for part in parts) == sum(part.notes for part in split_batch(together, 4))
        )


def test_processes_that_cannot_train_together_are_refused(tmp_path: Path) -> None:
    recipe = TrainingConfig(**TINY)
    with pytest.raises(TrainingError, match="batch_size is at least 6"):
        check_processes(TrainingRequest(corpus=tmp_path), recipe, 6)
    with pytest.raises(TrainingError, match="--corpus"):
        check_processes(TrainingRequest(midi=tmp_path), recipe, 2)
    with pytest.raises(TrainingError, match="one process"):
        check_processes(TrainingRequest(genre="ska", corpus=tmp_path), TrainingConfig(name="a", finetuning={}), 2)
    with pytest.raises(TrainingError, match="is at least 1"):
        check_processes(TrainingRequest(), recipe, 0)
    (tmp_path / "r.toml").write_text("name = 'r'\nbatch_size = 4\naccumulate = 5")
    with pytest.raises(ConfigError, match=r"r.toml: accumulate is at most batch_size \(4\), not 5$"):
        read_config(tmp_path / "r.toml")


def test_a_process_without_fellows_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined("cpu") as ranks:
        assert (ranks.rank, ranks.count) == (0, 1)
        assert ranks.from_first(3.5, 1) == (3.5, 1)


def test_the_option_is_taken_out_of_the_command() -> None:
    assert without(["train", "--processes", "2", "--resume"], "--processes") == ["train", "--resume"]
    assert without(["train", "--processes=2", "--processes-x"], "--processes") == ["train", "--processes-x"]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["riffbird", "torchrun"])
def test_the_command_trains_in_two_processes_and_one_of_them_speaks(
    prepared: Path, tmp_path: Path, launcher: str
) -> None:
    (tmp_path / "r.toml").write_text(
        "name = 'r'\nbatch_size = 4\nsteps = 16\nupdates = 4\nvalid_every = 2\n"
        "[widths]\nhidden = 8\nlayers = 1\ninputs = 8\nhead = 8\n"
    )
    command = ["train", "--corpus", str(prepared), "--recipe", "r.toml", "--device", "cpu", "--out", "r.safetensors"]
    # One piece is held out where the corpus has no other.
    by = {
        "riffbird": [sys.executable, "-m", "bot.cli.main", *command, "--processes", "2"],
        "torchrun": [
            sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
            "-m", "bot.cli.main", *command,
        ],
    }  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        by[launcher], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "r.safetensors\n"
    assert done.stderr.count("update 4/4") == 1
    assert (tmp_path / "r.safetensors").stat().st_size > 0
