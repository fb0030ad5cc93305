"""Packing, planning and composing use one BLAS thread: their products are too small to gain from more."""

from typing import Any

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from composer.decoding import generate
from composer.decoding.generate import Composer
from composer.planning import chart
from composer.planning.plan import plan_song
from composer.request import ComposeRequest
from tests.composer.checkpoints import tiny_checkpoint


def most_threads() -> int:
    """Threads of the BLAS library that has most."""
    return max(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (generate.Model, "of"),
        (chart._Run, "step"),
        (generate.SongSampler, "__init__"),
        (Composer, "_event"),
        (generate, "add_expression"),
    ],
)
def test_one_thread_computes(owner: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    threads, plain = [], getattr(owner, name)

    def watched(*args: Any) -> Any:
        threads.append(most_threads())
        return plain(*args)

    monkeypatch.setattr(owner, name, watched)
    checkpoint = tiny_checkpoint()
    with threadpool_limits(2, user_api="blas"):
        composer = Composer(checkpoint)
        plan = plan_song(ComposeRequest(genres={"jazz": 1.0}, length_seconds=10, seed=1), checkpoint)
        composer.compose([plan])
        assert most_threads() == 2
    assert set(threads) == {1}
