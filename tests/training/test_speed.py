"""What is measured is what is done, and a figure that cannot be taken says why. Tiny networks: no speeds are judged."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")

from bot.cli.benchmark.command import app  # noqa: E402
from composer.decoding.generate import Composer  # noqa: E402
from composer.model.checkpoint import save_checkpoint  # noqa: E402
from midi_data.events.encoding import FIELDS, VOCABULARY  # noqa: E402
from tests.composer.checkpoints import tiny_checkpoint  # noqa: E402
from training.errors import TrainingError  # noqa: E402
from training.speed import benchmark, rendering  # noqa: E402
from training.speed.composing import BACKENDS, composing_figures  # noqa: E402
from training.speed.figures import TARGETS, Figure, Run, cost, not_measured, rate, ratio, times  # noqa: E402
from training.speed.machine import describe  # noqa: E402
from training.speed.processes import run_module  # noqa: E402
from training.speed.stepper import (  # noqa: E402
    Stepper,
    eager_figures,
    network_of,
    threads,
)

CPU = torch.device("cpu")
RUNS = [Run(0.4, 0.2), Run(0.1, 0.1), Run(0.2, 0.2)]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads of tiny work wait for one another where others want the cores."""
    with threads(1):
        yield


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer(tiny_checkpoint())


def test_a_figure_is_the_median_with_its_extremes_by_the_clock_and_by_processor_time() -> None:
    song = rate("song", "a song", "x", 20.0, RUNS)
    assert (song.value, song.low, song.high, song.cpu, song.runs) == (100.0, 50.0, 200.0, 100.0, 3)
    note = cost("note", "a note", "µs", RUNS, 1e6)
    assert (note.value, note.low, note.high, note.cpu) == (2e5, 1e5, 4e5, 2e5)


def test_a_target_is_met_or_missed_by_the_median() -> None:
    assert rate("note_against_eager", "", "x", 20.0, RUNS).met
    assert rate("note_against_eager", "", "x", 1.0, RUNS).met is False
    assert cost("cold", "", "s", RUNS).met
    assert cost("cold", "", "s", RUNS, 100.0).met is False
    assert cost("note", "", "µs", RUNS).met is None


def test_a_ratio_to_what_was_not_measured_tells_its_reason() -> None:
    missing = not_measured("transformer", "", "notes/s", "no transformers here")
    figure = ratio("against", "", rate("notes", "", "", 1.0, RUNS), missing)
    assert figure.value is None
    assert figure.note == "not measured: no transformers here"
    assert figure.to_json()["met"] is None


def test_warm_up_runs_do_not_count() -> None:
    calls: list[int] = []
    assert len(times(lambda: calls.append(1), 3, warm_up=2)) == 3
    assert len(calls) == 5


def test_the_machine_is_described() -> None:
    told = describe()
    assert told["cores"] >= 1
    assert "numpy" in told["libraries"]
    json.dumps(told)


def test_the_work_of_processes_that_were_started_counts() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    [run] = times(lambda: subprocess.run([sys.executable, "-c", busy], check=True), 1, warm_up=0)
    assert run.cpu > 0.25  # the system counts in hundredths


def test_a_step_draws_a_class_of_every_field_for_every_song() -> None:
    stepper = Stepper(network_of(tiny_checkpoint()), 3, CPU)
    drawn = torch.stack([stepper.step() for _ in range(20)])
    assert drawn.shape == (20, 3, len(FIELDS))
    assert all(drawn[..., i].max() < VOCABULARY[field] for i, field in enumerate(FIELDS))
    assert drawn.min() >= 0


def test_a_step_goes_on_from_the_one_before() -> None:
    network = network_of(tiny_checkpoint())
    stepper = Stepper(network, 1, CPU)
    stepper.step()
    first = stepper._state
    stepper.step()
    assert first is not None
    assert stepper._state is not None
    assert not torch.equal(first[0][0], stepper._state[0][0])


def test_torch_is_measured_with_one_thread_and_has_its_own_again_afterwards() -> None:
    before = torch.get_num_threads()
    many, one = eager_figures(tiny_checkpoint(), 1, steps=2)
    assert "1 thread" in one.label
    assert (many.value or 0) > 0
    assert torch.get_num_threads() == before
    with threads(1):
        assert torch.get_num_threads() == 1


def test_a_transformer_step_draws_one_event() -> None:
    pytest.importorskip("transformers")
    from training.speed.transformer import FIELD_CLASSES, EventTransformer

    network = EventTransformer(layers=2, width=16, heads=2, context=32)
    network.begin(8)
    drawn = torch.cat([network.step() for _ in range(10)])
    assert drawn.shape == (10, len(FIELD_CLASSES))
    assert (drawn < torch.tensor(FIELD_CLASSES)).all()


def test_without_the_library_the_transformer_is_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tiny_checkpoint(), tmp_path / "tiny.safetensors")
    run = benchmark._Run(benchmark.SpeedRequest("none", tmp_path / "tiny.safetensors", quick=True))
    monkeypatch.setattr(benchmark, "find_spec", lambda _name: None)
    assert run._transformer().note.startswith("not measured: no torch and no transformers here")
    assert {figure.value for figure in run._with_torch()} == {None}


def test_a_process_tells_its_own_peak_whatever_its_parent_holds() -> None:
    held = np.ones(40_000_000)  # 320 MB
    finished = run_module("this", [])
    assert held.nbytes > 300e6
    assert 2 < finished.peak_megabytes < 100
    assert finished.run.clock > 0
    assert finished.run.cpu > 0


def test_a_process_that_fails_is_an_error() -> None:
    with pytest.raises(TrainingError, match=r"json\.tool --nonsense ended with 2"):
        run_module("json.tool", ["--nonsense"])


def test_every_backend_has_a_figure_for_every_batch() -> None:
    figures = {figure.name: figure for figure in composing_figures(tiny_checkpoint(), benchmark.QUICK)}
    assert set(figures) == {f"{name}_{batch}" for name in BACKENDS for batch in benchmark.QUICK.batches}
    assert all((figures[f"numpy_{batch}"].value or 0) > 0 for batch in benchmark.QUICK.batches)
    if not torch.cuda.is_available():
        assert figures["cuda_1"].note == "not measured: no cuda here"


def test_songs_a_minute_follow_from_a_request() -> None:
    request = Figure("warm_request", "", "s", 4.0, 3.0, 6.0, cpu=5.0, runs=3)
    minute = rendering._a_minute(request, "with video")
    assert (minute.value, minute.low, minute.high, minute.cpu) == (15.0, 10.0, 20.0, 12.0)


@pytest.mark.slow
def test_the_command_measures_every_target_in_one_run(tmp_path: Path) -> None:
    save_checkpoint(tiny_checkpoint(), tmp_path / "tiny.safetensors")
    words = ["speed", "--quick", "--checkpoint", str(tmp_path / "tiny.safetensors"), "--json"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout.splitlines()[-1])
    figures = report["figures"]
    assert set(TARGETS) <= set(figures)
    assert all(each["value"] is not None or each["note"].startswith("not measured") for each in figures.values())
    assert figures["render_peak"]["value"] > figures["cold_peak"]["value"] > 50
    shown = CliRunner().invoke(app, ["speed", "--help"], env={"COLUMNS": "200"})
    assert "--quick" in shown.output


def test_a_figure_without_a_target_is_neither_met_nor_missed() -> None:
    assert Figure("anything", "", "").target is None
    assert Figure("anything", "", "", 1.0).met is None
