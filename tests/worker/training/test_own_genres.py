"""A genre that comes while the band plays is played by the same worker, and no song is lost over it."""

from pathlib import Path

from composer.genre_store import add, delete
from composer.request import ComposeRequest
from tests.composer.taught import taught
from tests.waiting import wait_for
from tests.worker.conftest import finished, worker_process
from worker.client import Queues, fetch_state, submit
from worker.settings import DEFAULT_PERFORMER, Settings


def ask(queues: Queues, job_id: str, genre: str) -> None:
    request = ComposeRequest(genres={genre: 1.0}, seed=len(job_id), length_seconds=10)
    submit(queues, request, job_id=job_id, formats=["mid"])


def test_a_running_worker_plays_a_genre_that_is_taken_in_replaced_and_forgotten(
    settings: Settings, queues: Queues, tmp_path: Path, genres_dir: Path
) -> None:
    house = taught(tmp_path, "heavy-metal", "jazz", name="house")
    real = settings.model_copy(update={"performer": DEFAULT_PERFORMER, "checkpoint": house})
    ask(queues, "early", "ska")
    with worker_process(real, tmp_path) as worker:
        refused = wait_for(lambda: finished(queues, "early"))
        assert (refused.status, "ska" in refused.problem) == ("refused", True)
        for number in range(3):
            ask(queues, f"before-{number}", "jazz")
        wait_for(lambda: fetch_state(queues, "before-0").status != "queued")
        add(taught(tmp_path, "jazz", "ska"))
        for number in range(3):
            ask(queues, f"after-{number}", "ska")
            ask(queues, f"beside-{number}", "jazz")
        played = {
            f"{when}-{number}": wait_for(lambda name=f"{when}-{number}": finished(queues, name))
            for when in ("before", "after", "beside")
            for number in range(3)
        }
        assert {state.status for state in played.values()} == {"done"}
        checkpoints = {name: state.song.rendition.checkpoint for name, state in played.items()}
        assert {checkpoints[f"after-{number}"] for number in range(3)} == {"ska"}
        assert {checkpoints[f"{when}-{number}"] for when in ("before", "beside") for number in range(3)} == {"house"}
        add(taught(tmp_path, "jazz", "ska", seed=9), replace=True)
        ask(queues, "after-9", "ska")
        replaced = wait_for(lambda: finished(queues, "after-9")).song.rendition
        first = played["after-0"].song.rendition
        # The same request, other weights.
        assert (replaced.notes, replaced.key, replaced.parts) != (first.notes, first.key, first.parts)
        delete("ska")
        ask(queues, "late", "ska")
        assert wait_for(lambda: finished(queues, "late")).status == "refused"
        assert worker.poll() is None
    assert queues.stats.read().failures == {}
    assert not list(genres_dir.iterdir())
