"""A training learns, resumes exactly, and leaves a checkpoint that composes. Tiny networks, tiny corpora."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from composer.decoding.generate import Composer  # noqa: E402
from composer.model.checkpoint import load_checkpoint  # noqa: E402
from composer.planning.plan import plan_song  # noqa: E402
from composer.request import ComposeRequest  # noqa: E402
from midi_data.corpus.dataset import all_pieces, open_shards  # noqa: E402
from midi_data.corpus.prepare import prepare  # noqa: E402
from tests.songs import midi_folder  # noqa: E402
from training.config import AugmentationConfig, TrainingConfig, Widths, read_config  # noqa: E402
from training.data.batches import IGNORED, BatchStream, collate  # noqa: E402
from training.data.corpora import names_of  # noqa: E402
from training.data.examples import Variation, draw_variation, make_example, transposed_key  # noqa: E402
from training.data.pieces import CorpusPieces  # noqa: E402
from training.distributed import Ranks  # noqa: E402
from training.errors import ConfigError, TrainingError  # noqa: E402
from training.note_trainer import NoteTrainer  # noqa: E402
from training.request import TrainingRequest  # noqa: E402
from training.snapshot import load_snapshot, save_snapshot  # noqa: E402
from training.train import run_training  # noqa: E402
from training.trainer import Report  # noqa: E402

TINY = TrainingConfig(
    name="tiny",
    updates=12,
    batch_size=3,
    steps=24,
    warm_up_updates=2,
    valid_every=6,
    learning_rate=1e-2,
    widths=Widths(hidden=16, layers=2, inputs=16, head=16),
)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[CorpusPieces, CorpusPieces]:
    folder = tmp_path_factory.mktemp("corpus")
    prepare(midi_folder(folder / "ska", count=6), folder / "out", genre="ska")
    pieces = list(all_pieces(open_shards(folder / "out"), "train"))
    return pieces[:-1], pieces[-1:]


def training(held: tuple[CorpusPieces, CorpusPieces], folder: Path, recipe: TrainingConfig = TINY) -> NoteTrainer:
    return NoteTrainer(recipe, *held, names_of(held[0]), folder, Ranks(torch.device("cpu")))


def test_the_loss_falls_and_every_update_is_reported(held: tuple[CorpusPieces, CorpusPieces], tmp_path: Path) -> None:
    reports: list[Report] = []
    run = training(held, tmp_path)
    run.run(reports.append)
    assert [report.update for report in reports] == list(range(1, 13))
    assert reports[-1].nll < reports[0].nll
    assert reports[-1].valid["ska"]["nll"] < reports[5].valid["ska"]["nll"]
    assert reports[-1].throughput > 0
    assert reports[-1].seconds_left == 0


def test_a_resumed_training_ends_with_the_same_weights_as_an_undisturbed_one(
    held: tuple[CorpusPieces, CorpusPieces], tmp_path: Path
) -> None:
    whole = training(held, tmp_path / "whole")
    whole.run(lambda _: None)

    class StoppedError(Exception):
        pass

    def stop_at_eight(report: Report) -> None:
        if report.update == 8:
            broken.save()
            raise StoppedError

    broken = training(held, tmp_path / "broken")
    with pytest.raises(StoppedError):
        broken.run(stop_at_eight)
    resumed = training(held, tmp_path / "broken")
    resumed.resume()
    resumed.run(lambda _: None)
    for name, weight in whole.named.items():
        assert torch.equal(weight, resumed.named[name]), name
        assert torch.equal(whole.average[name], resumed.average[name]), name


def test_a_snapshot_of_another_versions_network_is_refused_in_one_line(
    held: tuple[CorpusPieces, CorpusPieces], tmp_path: Path
) -> None:
    training(held, tmp_path).save()
    earlier = load_snapshot(tmp_path / "snapshot")
    name = "network.heads.pitch.copy.bias"
    earlier.tensors[name] = earlier.tensors[name][:-3]  # of a version without motifs
    earlier.facts["identity"].pop("shapes")
    save_snapshot(earlier, tmp_path / "snapshot")
    with pytest.raises(TrainingError, match=r"another version$"):
        training(held, tmp_path).resume()


def test_the_best_checkpoint_composes(held: tuple[CorpusPieces, CorpusPieces], tmp_path: Path) -> None:
    training(held, tmp_path).run(lambda _: None)
    checkpoint = load_checkpoint(tmp_path / "best.safetensors")
    assert checkpoint.header.valid["ska"]["nll"] > 0
    assert checkpoint.header.data["ska"]["pieces"] == 5
    plan = plan_song(ComposeRequest(genres={"ska": 1.0}, length_seconds=10, seed=1), checkpoint)
    [song] = Composer(checkpoint).compose([plan])
    assert song.note_count > 0


def test_early_stopping_ends_a_training_that_gets_no_better(
    held: tuple[CorpusPieces, CorpusPieces], tmp_path: Path
) -> None:
    still = TINY.model_copy(
        update={"learning_rate": 1e-12, "valid_every": 1, "early_stopping": 2, "updates": 50, "ema_decay": 0.0}
    )
    run = training(held, tmp_path, still)
    run.run(lambda _: None)
    assert run.update < 50


def test_the_stream_is_a_function_of_its_seed_and_resumes(held: tuple[CorpusPieces, CorpusPieces]) -> None:
    names = names_of(held[0])
    one, other = BatchStream(held[0], names, TINY), BatchStream(held[0], names, TINY)
    for _ in range(30):
        assert torch.equal(one.next().target, other.next().target)
    later = BatchStream(held[0], names, TINY)
    later.restore(one.state())
    for _ in range(30):
        mine, theirs = one.next(), later.next()
        assert torch.equal(mine.target, theirs.target)
        assert torch.equal(mine.conditions.labels, theirs.conditions.labels)


def test_lanes_are_padded_only_where_a_piece_ends(held: tuple[CorpusPieces, CorpusPieces]) -> None:
    shard, piece = held[0][0]
    laid = make_example(piece, shard.events(piece), names_of(held[0]), Variation())
    segment = collate([(laid, len(laid) - 5)], 8, torch.tensor([False]))
    assert (segment.target[:5] != IGNORED).all()
    assert (segment.target[5:] == IGNORED).all()
    assert segment.notes == 5


def test_transposition_moves_pitched_notes_only_and_stays_on_the_keyboard(
    held: tuple[CorpusPieces, CorpusPieces],
) -> None:
    shard, piece = held[0][0]
    events, names = shard.events(piece), names_of(held[0])
    plain, up = (make_example(piece, events, names, Variation(semitones=s)).target for s in (0, 5))
    pitched = plain[:, 2] < 128
    assert np.array_equal(up[pitched, 2], plain[pitched, 2] + 5)
    assert np.array_equal(up[~pitched], plain[~pitched])
    rng = np.random.default_rng(1)
    for _ in range(100):
        semitones = draw_variation(rng, events, AugmentationConfig()).semitones
        moved = events.pitch[events.pitch < 128] + semitones
        assert moved.min() >= 0
        assert moved.max() <= 127


def test_a_key_moves_with_its_piece() -> None:
    assert transposed_key(0, 5) == 0
    assert transposed_key(1 + 11, 1) == 1
    assert transposed_key(13 + 9, -9) == 13


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("name = 'a'\nbatch_size = 0", "batch_size"),
        ("name = 'a'\nspeed = 1", "speed"),
        ("name = [", "TOML"),
        ("", "name"),
    ],
)
def test_a_wrong_recipe_is_refused_with_the_rule(text: str, rule: str, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(ConfigError, match=rule):
        read_config(tmp_path / "r.toml")


def test_the_shipped_recipe_is_good() -> None:
    assert read_config(Path(__file__).parents[2] / "training" / "recipes" / "house.toml").name == "house"


class Quiet:
    def note(self, text: str) -> None:
        assert text

    def __call__(self, report: Report) -> None:
        assert report.update > 0


def test_a_folder_of_midi_becomes_a_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.toml").write_text(
        "name = 'r'\nbatch_size = 2\nsteps = 16\nvalid_every = 3\n"
        "[widths]\nhidden = 8\nlayers = 1\ninputs = 8\nhead = 8\n"
    )
    order = TrainingRequest(
        genre="ska", midi=midi_folder(tmp_path / "midi", count=4), recipe=tmp_path / "r.toml", updates=3
    )
    written = run_training(order, Quiet())
    first = load_checkpoint(written)
    assert first.header.genres == ("ska",)
    more = TrainingRequest(
        genre="dub", midi=midi_folder(tmp_path / "dub", count=3), recipe=tmp_path / "r.toml", updates=2, base=written
    )
    second = load_checkpoint(run_training(more, Quiet()))
    assert second.header.genres == ("ska", "dub")


def test_nothing_to_train_on_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TrainingError, match="at least 2"):
        run_training(TrainingRequest(genre="ska", midi=midi_folder(tmp_path / "one", count=1)), Quiet())
