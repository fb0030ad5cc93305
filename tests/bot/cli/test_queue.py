import json

import pytest

from bot.cli.main import main
from tests.bot.service import Service
from worker.client import DeadLetters


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["queue", *words])
    return int(end.value.code or 0)


@pytest.fixture
def letters(service_band: Service, monkeypatch: pytest.MonkeyPatch) -> DeadLetters:
    monkeypatch.setenv("RIFFBIRD_REDIS_URL", service_band.queues.settings.redis_url.get_secret_value())
    return DeadLetters(service_band.queues.connection, "matrix")


def test_failed_items_are_listed_as_a_table_and_as_json(
    letters: DeadLetters, capsys: pytest.CaptureFixture[str]
) -> None:
    letter = letters.add("event", {"type": 7}, "type is not a text")
    assert run("failed") == 0
    assert f"{letter.id}  matrix" in " ".join(capsys.readouterr().out.split(" ")).replace("   ", "  ")
    assert run("failed", "--json") == 0
    assert json.loads(capsys.readouterr().out)["item"] == {"type": 7}


def test_items_are_requeued_and_discarded_by_id_or_all(letters: DeadLetters) -> None:
    first, second, _ = (letters.add("event", {"type": number}, "bad") for number in range(3))
    assert run("requeue", first.id) == 0
    assert run("discard", second.id) == 0
    assert letters.count() == 1
    assert run("discard", "all") == 0
    assert (letters.count(), len(list(letters.take_requeued()))) == (0, 1)


@pytest.mark.usefixtures("letters")
def test_an_unknown_id_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("requeue", "0000") == 2
    assert "no such item" in capsys.readouterr().err
