import threading
from collections import Counter

from bot.reply_pool import ReplyPool
from tests.waiting import wait_for


def test_songs_that_take_long_run_side_by_side_and_delay_no_text() -> None:
    running, released, texts = [], threading.Event(), []

    def reply(interaction: str) -> None:
        if interaction.startswith("text"):
            texts.append(interaction)
        else:
            running.append(interaction)
            released.wait()

    pool = ReplyPool(reply, 24)
    for number in range(20):
        pool.submit(f"song-{number}", is_text=False)
    pool.submit("text", is_text=True)
    assert wait_for(lambda: len(running) == 20 and texts) == ["text"]
    released.set()
    pool.close()
    wait_for(lambda: not any(pool.is_running(f"song-{number}") for number in range(20)))


def test_one_interaction_runs_once_at_a_time() -> None:
    count: Counter[str] = Counter()
    released = threading.Event()

    def reply(interaction: str) -> None:
        count[interaction] += 1
        released.wait()

    pool = ReplyPool(reply, 4)
    for _ in range(10):
        pool.submit("a", is_text=False)
    wait_for(lambda: count["a"])
    released.set()
    pool.close()
    assert count == {"a": 1}


def test_a_reply_that_raises_is_logged_and_may_run_again(caplog) -> None:  # noqa: ANN001
    pool = ReplyPool(lambda _: 1 // 0, 2)  # type: ignore[arg-type,return-value]
    pool.submit("a", is_text=False)
    wait_for(lambda: not pool.is_running("a"))
    pool.close()
    assert "ZeroDivisionError" in caplog.text
