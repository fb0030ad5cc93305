"""``riffbird train --queue`` as a process, beside a real worker of trainings."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from composer.model.checkpoint import load_checkpoint
from tests.bot.service import ROOT, Service
from tests.songs import midi_folder
from tests.waiting import DEADLINE_SECONDS, wait_for
from tests.worker.conftest import worker_process
from tests.worker.trainings import tiny_recipe
from worker.client import TRAIN_QUEUE, fetch_training_state

pytest.importorskip("torch", reason="training needs the train extra")


@contextmanager
def train(service: Service, folder: Path, *flags: str) -> Iterator[subprocess.Popen]:
    environment = os.environ | service.queues.settings.environment() | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "bot.cli.main", "train", "--queue", *flags]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, cwd=folder, **pipes) as process:
        yield process


@pytest.fixture
def at_work(service_band: Service, tmp_path: Path) -> Iterator[None]:
    how = {"train_recipe": tiny_recipe(tmp_path), "train_device": "cpu"}
    settings = service_band.queues.settings.model_copy(update=how)
    with worker_process(settings, tmp_path, sys.executable, "-m", "worker", TRAIN_QUEUE):
        yield


@pytest.mark.usefixtures("at_work")
def test_a_worker_trains_and_the_checkpoint_arrives(service_band: Service, tmp_path: Path) -> None:
    midi_folder(tmp_path / "ska", count=4)
    flags = ("--genre", "ska", "--midi", "ska", "--updates", "30", "--out", "here/ska.safetensors")
    with train(service_band, tmp_path, *flags) as process:
        out, told = process.communicate(timeout=DEADLINE_SECONDS)
    assert (process.returncode, out) == (0, "here/ska.safetensors\n"), told
    assert "is number 1 in its queue" in told
    assert load_checkpoint(tmp_path / "here" / "ska.safetensors").header.genres == ("ska",)
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["ska.safetensors"]


@pytest.mark.parametrize(
    ("flags", "rule"),
    [
        (("--genre", "ska"), "a folder or archive of MIDI files that exists, not None"),
        (("--genre", "Ska!", "--midi", "."), "--genre:"),
        (("--genre", "ska", "--midi", ".", "--resume"), "--queue takes"),
    ],
)
def test_what_cannot_be_handed_in_is_refused_in_one_line(
    service_band: Service, tmp_path: Path, flags: tuple[str, ...], rule: str
) -> None:
    with train(service_band, tmp_path, *flags) as process:
        out, told = process.communicate(timeout=DEADLINE_SECONDS)
    assert (process.returncode, out, told.count("\n")) == (2, "", 1)
    assert rule in told


def test_ctrl_c_ends_the_watching_and_not_the_training(service_band: Service, tmp_path: Path) -> None:
    midi_folder(tmp_path / "ska", count=4)
    with train(service_band, tmp_path, "--genre", "ska", "--midi", "ska") as process:
        wait_for(lambda: service_band.queues.depth(TRAIN_QUEUE) == 1)
        first = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=DEADLINE_SECONDS)
    job_id = first.split()[1]
    assert process.returncode == 130
    assert f"training {job_id} goes on" in told
    assert fetch_training_state(service_band.queues, job_id).status == "queued"
