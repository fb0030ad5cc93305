"""Running figures of a training, TensorBoard's log, precision."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from midi_data.corpus.dataset import all_pieces, open_shards  # noqa: E402
from midi_data.corpus.prepare import prepare  # noqa: E402
from tests.songs import midi_folder  # noqa: E402
from training import devices  # noqa: E402
from training.config import TrainingConfig, Widths, read_config  # noqa: E402
from training.data.corpora import names_of  # noqa: E402
from training.data.pieces import CorpusPieces  # noqa: E402
from training.distributed import Ranks  # noqa: E402
from training.errors import ConfigError, TrainingError  # noqa: E402
from training.note_trainer import NoteTrainer  # noqa: E402
from training.request import SilentCallback, TrainingRequest  # noqa: E402
from training.tracking.tensorboard_log import TensorBoardCallback  # noqa: E402
from training.train import run_training  # noqa: E402
from training.trainer import Report  # noqa: E402

CPU = torch.device("cpu")
WIDTHS = Widths(hidden=16, layers=2, inputs=16, head=16)
TINY = TrainingConfig(name="tiny", updates=8, batch_size=3, steps=24, warm_up_updates=2, valid_every=4, widths=WIDTHS)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for genre in ("ska", "dub"):
        prepare(midi_folder(folder / genre, count=4, bars=4 if genre == "ska" else 6), folder / "out", genre=genre)
    return folder / "out"


@pytest.fixture(scope="module")
def held(prepared: Path) -> tuple[CorpusPieces, CorpusPieces]:
    pieces = list(all_pieces(open_shards(prepared), "train"))
    return pieces[1:-1], [pieces[0], pieces[-1]]


def reports_of(held: tuple[CorpusPieces, CorpusPieces], folder: Path, recipe: TrainingConfig = TINY) -> list[Report]:
    reports: list[Report] = []
    NoteTrainer(recipe, *held, names_of(held[0]), folder, Ranks(CPU)).run(reports.append)
    return reports


def test_training_figures_are_told_by_genre_and_field(held: tuple[CorpusPieces, CorpusPieces], tmp_path: Path) -> None:
    report = reports_of(held, tmp_path, TINY.model_copy(update={"updates": 4}))[-1]
    assert set(report.train) == set(report.valid) == {"dub", "ska"}
    for figures in report.train.values():
        assert figures["nll"] == pytest.approx(sum(nats for name, nats in figures.items() if name != "nll"))
        assert set(figures) == set(report.valid["ska"])
    low, high = sorted(figures["nll"] for figures in report.train.values())
    assert low * 0.9 < report.nll < high * 1.1


@pytest.mark.skipif(find_spec("tensorboard") is None, reason="needs the tensorboard extra")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of protobuf and tensorboard themselves
def test_tensorboard_reads_what_a_training_wrote(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.toml").write_text(
        "name = 'r'\nbatch_size = 2\nsteps = 16\nvalid_every = 20\n"
        "[widths]\nhidden = 8\nlayers = 1\ninputs = 8\nhead = 8\n"
    )
    reports: list[Report] = []

    class Listener:
        def note(self, text: str) -> None:
            assert text

        def __call__(self, report: Report) -> None:
            reports.append(report)

    order = TrainingRequest(
        corpus=prepared, recipe=tmp_path / "r.toml", updates=50, device="cpu", tensorboard=tmp_path / "log"
    )
    run_training(order, Listener())
    log = EventAccumulator(str(tmp_path / "log")).Reload()
    names = set(log.Tags()["scalars"])
    assert {"train/nll", "valid/best", "speed/notes_per_second"} <= names
    assert {f"train/{genre}/{field}" for genre in ("dub", "ska") for field in ("nll", "pitch", "velocity")} <= names
    [genre] = reports[-1].valid
    assert [event.step for event in log.Scalars(f"valid/{genre}/pitch")] == [20, 40, 50]
    assert [event.value for event in log.Scalars("train/nll")] == pytest.approx([reports[i].nll for i in (19, 39, 49)])
    # Taken up again from update 30: what was written behind it is gone.
    again = TensorBoardCallback(tmp_path / "log", SilentCallback())
    again(replace(reports[29], validated_at=30))
    again.close()
    log = EventAccumulator(str(tmp_path / "log")).Reload()
    assert [event.step for event in log.Scalars(f"valid/{genre}/pitch")] == [20, 30]


def test_a_log_without_tensorboard_is_refused_with_the_extras_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.tracking.tensorboard_log.find_spec", lambda _: None)
    with pytest.raises(TrainingError, match=r"riffbird\[tensorboard\]"):
        TensorBoardCallback(tmp_path, SilentCallback())


def test_precision_is_as_the_recipe_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old").write_text("flags : fpu sse avx2")
    monkeypatch.setattr(devices, "CPU_FACTS", tmp_path / "old")
    assert not devices.uses_bf16(CPU)
    with pytest.raises(TrainingError, match="precision = bf16: this cpu has no bf16"):
        devices.uses_bf16(CPU, "bf16")
    (tmp_path / "new").write_text("flags : fpu avx512_bf16")
    monkeypatch.setattr(devices, "CPU_FACTS", tmp_path / "new")
    assert devices.uses_bf16(CPU)
    assert devices.uses_bf16(CPU, "bf16")
    assert not devices.uses_bf16(CPU, "fp32")
    (tmp_path / "r.toml").write_text("name = 'r'\nprecision = 'fp16'")
    with pytest.raises(ConfigError, match="precision"):
        read_config(tmp_path / "r.toml")


def test_the_recipes_precision_is_what_the_network_computes_in(
    held: tuple[CorpusPieces, CorpusPieces], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "new").write_text("flags : avx512_bf16")  # emulated, and slow, where the processor has none
    monkeypatch.setattr(devices, "CPU_FACTS", tmp_path / "new")
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16), ("auto", torch.bfloat16)):
        recipe = TINY.model_copy(update={"precision": precision, "updates": 1})
        run = NoteTrainer(recipe, *held, names_of(held[0]), tmp_path / precision, Ranks(CPU))
        run.run(lambda _: None)
        assert run.state is not None
        assert run.state[0][0].dtype is dtype
        assert all(weight.dtype is torch.float32 for weight in run.named.values())
