import os

from worker.client import Queues
from worker.maintenance.housekeeping import HousekeepingThread


def test_scratch_of_killed_workers_is_deleted_and_that_of_an_idle_bot_is_not(queues: Queues) -> None:
    scratch = queues.settings.scratch_dir
    for name in ("song-old", "song-new", "bot-x"):
        (scratch / name).mkdir(parents=True)
    for name in ("song-old", "bot-x"):
        os.utime(scratch / name, (1e9, 1e9))
    HousekeepingThread(queues).round()
    assert sorted(path.name for path in scratch.iterdir()) == ["bot-x", "song-new"]


def test_a_training_that_was_left_for_good_is_deleted(queues: Queues) -> None:
    folder = queues.settings.trainings_dir / "a"
    folder.mkdir(parents=True)
    (folder / "snapshot").write_bytes(b"x")
    HousekeepingThread(queues).round()
    assert folder.exists()
    os.utime(folder / "snapshot", (1e9, 1e9))
    os.utime(folder, (1e9, 1e9))
    HousekeepingThread(queues).round()
    assert not folder.exists()
