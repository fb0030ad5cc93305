"""A genre more for a finished checkpoint: it is learned, the others stay, and all of it is told. Tiny networks."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from composer.decoding.generate import Composer  # noqa: E402
from composer.genre_store import cards, custom_checkpoint  # noqa: E402
from composer.model.checkpoint import Checkpoint, load_checkpoint  # noqa: E402
from composer.model.style.config import expected_style_shapes  # noqa: E402
from composer.planning.plan import plan_song  # noqa: E402
from composer.request import ComposeRequest  # noqa: E402
from midi_data.corpus.dataset import all_pieces, open_shards  # noqa: E402
from midi_data.corpus.prepare import prepare  # noqa: E402
from midi_data.events.encoding import FIELDS, VOCABULARY, encode  # noqa: E402
from tests.songs import midi_folder, riff  # noqa: E402
from training.config import FineTuningConfig, TrainingConfig  # noqa: E402
from training.data.corpora import names_of  # noqa: E402
from training.data.pieces import CorpusPieces  # noqa: E402
from training.data.replay import replay_of  # noqa: E402
from training.data.splitting import as_genre, hold_out  # noqa: E402
from training.errors import TrainingError  # noqa: E402
from training.finetune.distillation import divergence  # noqa: E402
from training.finetune.finetune import FineTuner, FineTuningJob, FineTuningReport  # noqa: E402
from training.finetune.genre_training import make_job  # noqa: E402
from training.finetune.memorization import MemorizationCheck  # noqa: E402
from training.finetune.nearest_genre import nll_by_known_genre  # noqa: E402
from training.finetune.sample_callback import SampleCallback  # noqa: E402
from training.request import TrainingRequest  # noqa: E402
from training.train import run_training  # noqa: E402
from training.trainer import Report  # noqa: E402

WIDTHS = "[widths]\nhidden = 16\nlayers = 2\ninputs = 16\nhead = 16\n"
LESSON = (
    "name = 'lesson'\nbatch_size = 2\nsteps = 24\nvalid_every = 3\nwarm_up_updates = 1\nlearning_rate = 0.02\n"
    "ema_decay = 0.5\n[finetuning]\nrows_only_below_notes = {rows}\nreplay_songs_a_genre = 4\nreplay_seconds = 10\n"
    "replay_batch_size = 2\nsamples = 2\nsample_seconds = 10\nold_genres_limit = 0.02\n"
)

LONGER = 36
"""Updates after which the averaged weights are better than the base's: after 9 they still lag behind."""


class Quiet:
    """Remembers what it hears; raises at an update, if told to."""

    def __init__(self, stop_at: int = 0) -> None:
        self.notes: list[str] = []
        self.reports: list[Report] = []
        self.stop_at = stop_at

    def note(self, text: str) -> None:
        self.notes.append(text)

    def __call__(self, report: Report) -> None:
        self.reports.append(report)
        if report.update == self.stop_at:
            raise InterruptedError


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A tiny network that knows two genres."""
    folder = tmp_path_factory.mktemp("base")
    (folder / "r.toml").write_text(
        "name = 'base'\nbatch_size = 3\nsteps = 24\nvalid_every = 20\nlearning_rate = 0.02\n" + WIDTHS
    )
    manifest = ["path,genre,split,work,title,licence"]
    for genre, first in (("rock", 0), ("jazz", 20)):
        for seed in range(first, first + 5):
            name = f"{genre}/a/{seed}.mid"
            (folder / "midi" / genre / "a").mkdir(parents=True, exist_ok=True)
            from midi_data.io.midi_writer import write_midi

            write_midi(riff(seed, 14, tempo_bpm=100 + first), folder / "midi" / name)
            manifest.append(f"{name},{genre},{'valid' if seed == first else 'train'},{name},{name},CC0-1.0")
    (folder / "midi" / "manifest.csv").write_text("\n".join(manifest))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        written = run_training(
            TrainingRequest(
                midi=folder / "midi", recipe=folder / "r.toml", updates=80, out=folder / "base.safetensors"
            ),
            Quiet(),
        )
    return load_checkpoint(written)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dub")
    prepare(midi_folder(folder / "dub", count=6, bars=16), folder / "prepared", genre="dub", licence="CC0-1.0")
    return folder / "prepared"


@pytest.fixture
def lesson_toml(tmp_path: Path) -> Path:
    (tmp_path / "lesson.toml").write_text(LESSON.format(rows=0))
    return tmp_path / "lesson.toml"


@pytest.fixture
def order(
    base: Checkpoint, prepared: Path, tmp_path: Path, lesson_toml: Path, monkeypatch: pytest.MonkeyPatch
) -> TrainingRequest:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RIFFBIRD_GENRES_DIR", str(tmp_path / "own"))
    return TrainingRequest(genre="dub", corpus=prepared, base=base.path, recipe=lesson_toml, updates=9, minutes=60)


def test_a_folder_of_midi_becomes_a_genre_of_ones_own(base: Checkpoint, order: TrainingRequest, tmp_path: Path) -> None:
    listener = Quiet()
    midi = midi_folder(tmp_path / "dub", count=6, bars=16)
    written = run_training(replace(order, corpus=None, midi=midi, licence="CC0-1.0", updates=LONGER), listener)
    assert written == custom_checkpoint("dub") == tmp_path / "own" / "dub.safetensors"
    made = load_checkpoint(written)
    assert made.header.genres == (*base.header.genres, "dub")
    assert made.header.licences["dub"] == {": CC0-1.0": made.header.data["dub"]["pieces"]}
    assert made.header.data["rock"] == base.header.data["rock"]
    assert made.header.recipe["base"] == "base"
    for genre in made.header.genres:
        plan = plan_song(ComposeRequest(genres={genre: 1.0}, length_seconds=10, seed=1), made)
        assert Composer(made).compose([plan])[0].note_count > 0
    [card] = cards()
    assert (card.name, card.nll) == ("dub", made.header.valid["dub"]["nll"])
    assert any("nearest genre" in note for note in listener.notes)
    reports = [report for report in listener.reports if isinstance(report, FineTuningReport)]
    assert reports[-1].best < float(next(note for note in listener.notes if "before the first" in note).split()[0])


def test_each_validation_leaves_a_song_a_picture_and_a_curve_and_the_end_a_page(
    order: TrainingRequest, tmp_path: Path
) -> None:
    listener = Quiet()
    run_training(order, listener)
    folder = tmp_path / "data" / "trainings" / "dub"
    names = {path.name for path in (folder / "samples").iterdir()}
    assert names == {f"update-0000{at}.{ending}" for at in (3, 6, 9) for ending in ("mid", "png")}
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "report.html").read_text(encoding="utf-8")
    for words in ("Nats a note", "CC0-1.0", "velocity", "Distance to the corpus", "seed 1000", "data:image/png;base64"):
        assert words in page
    told = re.sub(r"base64,[\w+/=]+", "", page)  # a picture's bytes spell anything now and then
    assert "http" not in told.replace("http-equiv", "")
    samples = listener.reports[-1].samples
    assert samples.midi.exists()
    assert samples.picture.exists()
    assert 0 <= samples.copy_rate <= 1


def weights_near(one: Checkpoint, other: Checkpoint, name: str) -> bool:
    """Equal for all rows that both have, after half precision."""
    rows = len(one.weights[name])
    return bool(np.array_equal(one.weights[name], other.weights[name][:rows]))


def test_few_notes_move_the_genres_own_rows_and_nothing_else(
    base: Checkpoint, order: TrainingRequest, lesson_toml: Path
) -> None:
    lesson_toml.write_text(LESSON.format(rows=10**9))
    listener = Quiet()
    made = load_checkpoint(run_training(replace(order, updates=LONGER), listener))
    assert all(weights_near(base, made, name) for name in base.weights)
    assert made.header.valid["rock"] == base.header.valid["rock"]
    assert listener.reports[-1].best < float(next(n for n in listener.notes if "before the first" in n).split()[0])
    assert any("other genres stay as is" in note for note in listener.notes)


def test_old_genres_are_held_within_the_limit_however_fast_the_new_one_is_learned(
    base: Checkpoint, order: TrainingRequest, lesson_toml: Path
) -> None:
    lesson_toml.write_text(LESSON.format(rows=0).replace("learning_rate = 0.02", "learning_rate = 0.1"))
    listener = Quiet()
    made = load_checkpoint(run_training(replace(order, updates=24), listener))
    changes = [report.old_change for report in listener.reports if isinstance(report, FineTuningReport)]
    assert made.header.recipe["old_genres_change"] <= 0.022
    assert max(changes) > 0  # it did move
    assert not weights_near(base, made, "layers.0.weight_hh_l0")
    assert weights_near(base, made, "condition_tables.genre.weight")
    assert set(made.header.valid) == {"dub"}  # what was not measured is not told


def tuning(
    base: Checkpoint, folder: Path, held: tuple[CorpusPieces, CorpusPieces], recipe: TrainingConfig
) -> FineTuner:
    train, valid = held
    replay = replay_of(base, folder.parent / "replay", recipe.finetuning or FineTuningConfig())
    return trainer_of(FineTuningJob("dub", train, valid, base, "rock", names_of(train, base), replay), folder, recipe)


def trainer_of(job: FineTuningJob, folder: Path, recipe: TrainingConfig) -> FineTuner:
    watch = MemorizationCheck([(p.name, s.events(p)) for s, p in job.train], [s.events(p) for s, p in job.valid])
    listening = SampleCallback("dub", watch, folder / "samples", count=1, seconds=10)
    return FineTuner(recipe, job, listening, folder, torch.device("cpu"), 1e9)


@pytest.fixture
def held(prepared: Path) -> tuple[CorpusPieces, CorpusPieces]:
    shards = open_shards(prepared)
    return hold_out([*all_pieces(shards, "train"), *all_pieces(shards, "valid")], [])


@pytest.fixture
def lesson_recipe(lesson_toml: Path) -> TrainingConfig:
    from training.config import read_config

    return read_config(lesson_toml)


def test_a_new_genre_begins_as_the_nearest_one(
    base: Checkpoint, held: tuple[CorpusPieces, CorpusPieces], lesson_recipe: TrainingConfig, tmp_path: Path
) -> None:
    made = tuning(base, tmp_path / "run", held, lesson_recipe)
    table = made.named["condition_tables.genre.weight"]
    assert torch.equal(table[-1], table[base.header.genres.index("rock")])
    style = made.named["condition_tables.style.weight"]
    assert torch.equal(style[-1], style[0])


def test_a_new_genre_has_a_row_of_the_style_model(
    base: Checkpoint, held: tuple[CorpusPieces, CorpusPieces], lesson_recipe: TrainingConfig, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    style = {
        name: (rng.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32)
        for name, shape in expected_style_shapes(3).items()
    }
    finetuning = FineTuningConfig(rows_only_below_notes=10**9)
    job = make_job("dub", *held, replace(base, style=style), finetuning, Quiet())
    assert job.names.style_model is not None
    assert job.names.style_model.knows(2)
    nearest = 1 + base.header.genres.index(job.nearest)
    assert np.array_equal(job.style["genre.weight"][-1], style["genre.weight"][nearest])  # from fewer than ten pieces
    trainer = trainer_of(job, tmp_path / "run", lesson_recipe)
    checkpoint = trainer._merged_checkpoint(trainer._nll(trainer.valid_pieces), 0.0)
    assert checkpoint.style.keys() == style.keys()
    assert len(checkpoint.style["genre.weight"]) == 1 + len(checkpoint.header.genres)


def test_a_lesson_that_is_broken_off_goes_on_as_if_it_had_not_been(
    base: Checkpoint, held: tuple[CorpusPieces, CorpusPieces], lesson_recipe: TrainingConfig, tmp_path: Path
) -> None:
    whole = tuning(base, tmp_path / "whole", held, lesson_recipe)
    for _ in range(8):
        whole._update()
    broken = tuning(base, tmp_path / "broken", held, lesson_recipe)
    for _ in range(5):
        broken._update()
    broken.save()
    resumed = tuning(base, tmp_path / "broken", held, lesson_recipe)
    resumed.resume()
    for _ in range(3):
        resumed._update()
    for name, weight in whole.named.items():
        assert torch.equal(weight, resumed.named[name]), name


def test_a_listener_ends_a_lesson_by_raising_and_it_can_be_taken_up(order: TrainingRequest) -> None:
    with pytest.raises(InterruptedError):
        run_training(order, Quiet(stop_at=4))
    assert custom_checkpoint("dub") is None
    again = Quiet()
    run_training(replace(order, resume=True), again)
    assert [report.update for report in again.reports] == [4, 5, 6, 7, 8, 9]
    assert custom_checkpoint("dub")


def test_the_bases_songs_are_composed_once(base: Checkpoint, tmp_path: Path) -> None:
    how = FineTuningConfig(replay_songs_a_genre=4, replay_seconds=10)
    first = replay_of(base, tmp_path, how)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.mid")}
    again = replay_of(base, tmp_path, how)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.mid")} == made
    assert {piece.genre for _, piece in first.train} == set(base.header.genres)
    assert [piece for _, piece in again.valid] == [piece for _, piece in first.valid]
    assert {piece.name for _, piece in first.train}.isdisjoint(piece.name for _, piece in first.valid)


def test_the_nearest_genre_is_the_one_pieces_are_likeliest_under(base: Checkpoint) -> None:
    found = nll_by_known_genre(base, [encode(riff(seed, 14)) for seed in range(3)])
    assert set(found) == set(base.header.genres)
    assert list(found.values()) == sorted(found.values())


def test_straying_is_nothing_for_the_same_choices_and_finite_with_forbidden_ones() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = {name: torch.randn(3, 2, VOCABULARY[name], generator=generator) for name in FIELDS}
    logits["part"][..., 5:] = -math.inf
    others = {name: each.clone() for name, each in logits.items()}
    target = torch.zeros(3, 2, len(FIELDS), dtype=torch.int64)
    assert float(divergence(logits, others, target)) == pytest.approx(0, abs=1e-5)
    others["pitch"][0, 0, 3] += 2
    others["part"].requires_grad_()
    strayed = divergence(logits, others, target)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Categorical(logits=logits["pitch"][0, 0]),
        torch.distributions.Categorical(logits=others["pitch"][0, 0]),
    )
    assert float(strayed.detach()) == pytest.approx(float(expected), rel=1e-4)
    strayed.backward()
    assert torch.isfinite(others["part"].grad).all()
    target[0, 0] = -100
    assert float(divergence(logits, others, target).detach()) == pytest.approx(0, abs=1e-5)


def test_a_recited_piece_is_caught_in_any_key_and_traced() -> None:
    pieces = [(f"piece-{seed}", encode(riff(seed, 16))) for seed in range(4)]
    watch = MemorizationCheck(pieces, [encode(riff(40, 16))])
    moved = encode(riff(2, 16))
    recited = replace(moved, pitch=np.where(moved.pitch < 128, moved.pitch + 3, moved.pitch))
    assert watch.rate([recited]) == 1.0
    assert watch.is_memorized(1.0)
    near = watch.nearest(recited)
    assert near is not None
    assert (near.name, near.shared) == ("piece-2", near.grams)
    assert not watch.is_memorized(watch.real_rate)


def test_works_are_held_out_by_name_whole_and_enough_of_them(held: tuple[CorpusPieces, CorpusPieces]) -> None:
    train, valid = held
    assert (len(train), len(valid)) == (5, 1)
    pieces = [(s, replace(p, work=f"w{i // 2}", name=str(i))) for i, (s, p) in enumerate([*train, *valid] * 6)]
    kept, out = hold_out(pieces, [])
    assert len({piece.work for _, piece in out}) == 3
    assert {piece.work for _, piece in kept}.isdisjoint(piece.work for _, piece in out)
    assert hold_out(pieces[::-1], [])[1] == out[::-1]
    again = hold_out(kept, out)
    assert (len(again[0]), len(again[1])) == (len(kept), len(out))


def test_pieces_of_another_name_are_the_genre_only_where_none_is(held: tuple[CorpusPieces, CorpusPieces]) -> None:
    train, _ = held
    assert {piece.genre for _, piece in as_genre(train, "ska")} == {"ska"}
    mixed = [*train, (train[0][0], replace(train[0][1], genre="ska"))]
    assert len(as_genre(mixed, "ska")) == 1


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"genre": "Dub!"}, "lower-case"),
        ({"genre": "metal", "base": None, "recipe": None}, "heavy-metal"),
        ({"from_scratch": True}, "--from-scratch"),
        ({"genre": ""}, "--genre"),
    ],
)
def test_what_cannot_be_taught_is_refused_before_anything_is_done(
    order: TrainingRequest, tmp_path: Path, change: dict[str, object], rule: str
) -> None:
    with pytest.raises(TrainingError, match=rule):
        run_training(replace(order, **change), Quiet())
    assert not (tmp_path / "data").exists()
