"""Trainings as jobs: a real queue, real workers, real (tiny) networks."""

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

pytest.importorskip("torch", reason="training needs the train extra")

from composer.genre_store import cards, custom_checkpoint
from composer.model.checkpoint import load_checkpoint
from composer.request import ComposeRequest
from tests.songs import midi_folder
from tests.waiting import has_ended, wait_for
from tests.worker.conftest import finished, worker_process
from tests.worker.trainings import archive_of, tiny_finetune_recipe, tiny_recipe
from worker.client import (
    CHECKPOINT_FILE,
    TRAIN_QUEUE,
    TRAIN_WORKERS,
    Queues,
    TrainingState,
    cancel_training,
    fetch_state,
    fetch_training_state,
    submit,
    submit_training,
)
from worker.errors import QueueFullError
from worker.queue.payloads import TrainPayload
from worker.settings import Settings
from worker.training.progress import CURVE_POINTS, TrainingProgress
from worker.worker_process import WarmWorker

TRAINER = (sys.executable, "-m", "worker", TRAIN_QUEUE)
SETTLED = {"done", "refused", "failed", "cancelled"}
LONG = 1_000_000


@pytest.fixture
def settings(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("RIFFBIRD_GENRES_DIR", str(tmp_path / "genres"))
    return settings.model_copy(
        update={
            "train_recipe": tiny_recipe(tmp_path),
            "train_device": "cpu",
            "train_snapshot_seconds": 0.05,
            "stop_grace_seconds": 3600,  # songs may be finished in this; a training does not wait for it
        }
    )


@pytest.fixture
def midi(tmp_path: Path) -> Path:
    return midi_folder(tmp_path / "midi", count=4)


@pytest.fixture
def trainer(settings: Settings, tmp_path: Path) -> Iterator[psutil.Process]:
    with worker_process(settings, tmp_path, *TRAINER) as process:
        yield psutil.Process(process.pid)


def settled(queues: Queues, job_id: str) -> TrainingState:
    def state() -> TrainingState | None:
        found = fetch_training_state(queues, job_id)
        return found if found is not None and found.status in SETTLED else None

    return wait_for(state, 300)


def training(queues: Queues, job_id: str, updates: int = 1) -> TrainingState:
    """The state, once at least ``updates`` are done."""

    def state() -> TrainingState | None:
        found = fetch_training_state(queues, job_id)
        return found if found is not None and found.status == "training" and found.update >= updates else None

    return wait_for(state, 400)


def work(queues: Queues) -> None:
    """Work off the queue right here."""
    WarmWorker(queues, TRAIN_QUEUE).work(burst=True, logging_level=None)


def weights(queues: Queues, job_id: str) -> bytes:
    return b"".join(queues.media.read(job_id, CHECKPOINT_FILE))


def test_a_folder_becomes_a_checkpoint_with_a_curve_and_leaves_nothing_else(
    queues: Queues, midi: Path, settings: Settings
) -> None:
    submitted = submit_training(queues, TrainPayload(genre="ska", midi=midi, updates=30), job_id="a")
    assert (submitted.position, submitted.created) == (1, True)
    assert fetch_training_state(queues, "a") == TrainingState("a", "queued", "ska", position=1)
    work(queues)
    state = fetch_training_state(queues, "a")
    assert (state.status, state.progress, state.update, state.updates) == ("done", 1.0, 30, 30)
    assert state.best <= state.valid["ska"]
    assert [point["update"] for point in state.curve if point["valid"] is not None] == [10, 20, 30]
    assert state.curve[-1]["nll"] == state.nll < 20
    (settings.data_dir / "it").write_bytes(weights(queues, "a"))
    assert load_checkpoint(settings.data_dir / "it").header.genres == ("ska",)
    assert list(settings.trainings_dir.iterdir()) == []
    assert queues.stats.read().trainings == {"done": 1}
    assert not submit_training(queues, TrainPayload(genre="ska", midi=midi), job_id="a").created


def test_an_uploaded_archive_is_trained_on_and_then_deleted(queues: Queues, tmp_path: Path) -> None:
    (tmp_path / "sent").write_bytes(archive_of(tmp_path))
    queues.media.put("a", {"corpus.tar": tmp_path / "sent"})
    submit_training(queues, TrainPayload(genre="dub", upload="corpus.tar", updates=3), job_id="a")
    work(queues)
    assert fetch_training_state(queues, "a").status == "done"
    assert queues.media.size("a", "corpus.tar") is None
    assert queues.media.size("a", CHECKPOINT_FILE) > 0


def test_too_little_music_is_refused_with_the_rule_and_without_our_folders(queues: Queues, tmp_path: Path) -> None:
    alone = midi_folder(tmp_path / "alone", count=1)
    submit_training(queues, TrainPayload(genre="ska", midi=alone), job_id="a")
    submit_training(queues, TrainPayload(genre="ska", midi=tmp_path / "nowhere"), job_id="b")
    work(queues)
    state = fetch_training_state(queues, "a")
    assert state.status == "refused"
    assert "at least 2 usable pieces" in state.problem
    assert fetch_training_state(queues, "b").problem == "the MIDI files: no such folder or archive"
    assert str(tmp_path) not in state.problem
    assert queues.stats.read().trainings == {"refused": 2}


def test_a_program_that_breaks_is_a_failure_and_is_not_repeated(
    queues: Queues, midi: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Queues(queues.connection, queues.settings.model_copy(update={"trainer": "worker.there_is_none"}))
    submit_training(broken, TrainPayload(genre="ska", midi=midi), job_id="a")
    work(broken)
    state = fetch_training_state(queues, "a")
    assert state.status == "failed"
    assert "not your fault" in state.problem
    assert "No module named" in caplog.text
    assert queues.stats.read().failures == {"TrainerFailed": 1}


def test_a_waiting_training_is_cancelled_at_once(queues: Queues, tmp_path: Path) -> None:
    (tmp_path / "sent").write_bytes(archive_of(tmp_path))
    queues.media.put("a", {"corpus.tar": tmp_path / "sent"})
    submit_training(queues, TrainPayload(genre="ska", upload="corpus.tar"), job_id="a")
    assert cancel_training(queues, "a").status == "cancelled"
    assert queues.depth(TRAIN_QUEUE) == 0
    assert queues.media.size("a", "corpus.tar") is None
    work(queues)
    assert fetch_training_state(queues, "a").status == "cancelled"
    assert queues.media.size("a", CHECKPOINT_FILE) is None
    assert cancel_training(queues, "nobody") is None


def test_a_running_training_is_cancelled_and_the_next_one_begins(
    queues: Queues, midi: Path, trainer: psutil.Process, settings: Settings
) -> None:
    submit_training(queues, TrainPayload(genre="ska", midi=midi, updates=LONG), job_id="a")
    submit_training(queues, TrainPayload(genre="dub", midi=midi, updates=3), job_id="b")
    training(queues, "a")
    assert fetch_training_state(queues, "b").status == "queued"
    [program] = [child for child in trainer.children() if "training.job" in child.cmdline()]
    cancel_training(queues, "a")
    assert settled(queues, "a").status == "cancelled"
    wait_for(lambda: has_ended(program))
    assert settled(queues, "b").status == "done"
    assert cancel_training(queues, "b").status == "done"
    assert [path.name for path in settings.trainings_dir.iterdir()] == []


@pytest.mark.usefixtures("trainer")
def test_a_training_does_not_hold_up_songs(queues: Queues, midi: Path, settings: Settings, tmp_path: Path) -> None:
    wait_for(lambda: queues.stats.worker_count(TRAIN_WORKERS) == 1)
    assert queues.stats.worker_count() == 0
    submit_training(queues, TrainPayload(genre="ska", midi=midi, updates=LONG), job_id="a")
    training(queues, "a")
    with worker_process(settings, tmp_path):
        submit(queues, ComposeRequest(title="x", genres={"heavy-metal": 1.0}), job_id="song", formats=["mid"])
        assert wait_for(lambda: finished(queues, "song")).status == "done"
    assert fetch_training_state(queues, "a").status == "training"
    assert fetch_state(queues, "a") is None
    assert fetch_training_state(queues, "song") is None
    cancel_training(queues, "a")
    settled(queues, "a")


def test_a_training_whose_program_is_killed_goes_on(queues: Queues, midi: Path, trainer: psutil.Process) -> None:
    submit_training(queues, TrainPayload(genre="ska", midi=midi, updates=LONG), job_id="a")
    before = training(queues, "a", 30)
    next(child for child in trainer.children() if "training.job" in child.cmdline()).kill()
    after = training(queues, "a", before.update + 1)
    # Taken up from a snapshot: the curve goes on, and begins no second time.
    updates = [point["update"] for point in after.curve]
    assert updates == sorted(set(updates))
    assert updates[0] == 1
    cancel_training(queues, "a")
    assert settled(queues, "a").status == "cancelled"
    assert queues.stats.read().failures == {"TrainerLostError": 1}


def test_a_stopping_worker_hands_its_training_back(queues: Queues, midi: Path, trainer: psutil.Process) -> None:
    submit_training(queues, TrainPayload(genre="ska", midi=midi, updates=LONG), job_id="a")
    training(queues, "a")
    trainer.terminate()
    begun = time.monotonic()
    wait_for(lambda: has_ended(trainer))
    assert time.monotonic() - begun < 15
    assert fetch_training_state(queues, "a").status == "queued"


@pytest.fixture
def taught(queues: Queues, midi: Path, settings: Settings, tmp_path: Path) -> Settings:
    """Settings of a band that plays with a tiny network of its own and is fine-tuned."""
    submit_training(queues, TrainPayload(genre="ska", midi=midi, updates=10), job_id="base")
    work(queues)
    (tmp_path / "base.safetensors").write_bytes(weights(queues, "base"))
    recipe = tiny_finetune_recipe(tmp_path, valid_every=45)
    return settings.model_copy(update={"checkpoint": tmp_path / "base.safetensors", "train_recipe": recipe})


def test_finetuning_adds_a_genre_to_the_configured_network(queues: Queues, taught: Settings, tmp_path: Path) -> None:
    payload = TrainPayload(
        genre="dub", midi=midi_folder(tmp_path / "dub", count=5, bars=12), updates=6, licence="CC0-1.0"
    )
    submit_training(queues, payload, job_id="a")
    work(Queues(queues.connection, taught))
    assert fetch_training_state(queues, "a").status == "done"
    [card] = cards()
    assert card.name == "dub"
    assert card.licences[0].endswith("CC0-1.0")
    assert custom_checkpoint("dub").read_bytes() == weights(queues, "a")
    assert load_checkpoint(custom_checkpoint("dub")).header.genres == ("ska", "dub")


@pytest.mark.slow
@pytest.mark.parametrize("finetune", [False, True], ids=["from-scratch", "finetune"])
def test_a_training_killed_9_twice_ends_with_the_weights_of_an_undisturbed_one(
    queues: Queues, midi: Path, request: pytest.FixtureRequest, tmp_path: Path, *, finetune: bool
) -> None:
    settings: Settings = request.getfixturevalue("taught" if finetune else "settings")
    payload = TrainPayload(genre="dub", midi=midi, updates=90, seed=7)
    submit_training(queues, payload, job_id="disturbed")
    reached = [0]
    for _ in range(2):
        with worker_process(settings, tmp_path, *TRAINER) as worker:
            reached.append(training(queues, "disturbed", reached[-1] + 25).update)
            [program] = [c for c in psutil.Process(worker.pid).children() if "training.job" in c.cmdline()]
            worker.kill()
            wait_for(lambda program=program: has_ended(program))
    log = settings.trainings_dir / "disturbed" / "log"
    with worker_process(settings, tmp_path, *TRAINER):
        wait_for(lambda: log.read_text().count("resuming at update") == 2, 400)
        resumed = [int(update) for update in re.findall(r"resuming at update (\d+)", log.read_text())]
        # What was done since the last snapshot (here 20 a second) is done again, and no more than that.
        assert all(again > reached_before - 20 for again, reached_before in zip(resumed, reached[1:], strict=True))
        assert settled(queues, "disturbed").status == "done"
    submit_training(queues, payload, job_id="undisturbed")
    work(Queues(queues.connection, settings))
    assert weights(queues, "disturbed") == weights(queues, "undisturbed")
    assert queues.stats.read().failures == {"WorkerLost": 2}


def test_only_so_many_trainings_may_wait(queues: Queues, midi: Path) -> None:
    narrow = Queues(queues.connection, queues.settings.model_copy(update={"train_queue_limit": 1}))
    submit_training(narrow, TrainPayload(genre="ska", midi=midi), job_id="a")
    with pytest.raises(QueueFullError, match="at most 1 trainings wait"):
        submit_training(narrow, TrainPayload(genre="ska", midi=midi), job_id="b")


def test_a_long_curve_keeps_its_shape_in_a_bounded_number_of_points(queues: Queues) -> None:
    course = TrainingProgress(queues.queue(TRAIN_QUEUE).create_job("training.job", job_id="a"))
    for update in range(1, 5001):
        course.report({"update": update, "nll": 1 / update, "valid": {}, "validated": False})
    assert len(course.curve) <= CURVE_POINTS
    assert course.curve[0]["update"] < 100
    assert course.curve[-1]["update"] > 4900
    gaps = {b["update"] - a["update"] for a, b in zip(course.curve, course.curve[1:], strict=False)}
    assert max(gaps) <= 4 * min(gaps)
