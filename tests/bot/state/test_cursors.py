# ruff: noqa: F401, F811  fixtures are imported by name
from pathlib import Path

import pytest

from bot.state.cursors import Cursors
from tests.bot.fakes.fixtures import clock, harness, server_url
from tests.bot.fakes.harness import Harness


def test_a_cursor_is_certain_from_redis_and_uncertain_from_the_file(harness: Harness, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "bot-x.json"
    cursors = Cursors(harness.reply_store("x"), path)
    assert cursors.get("mentions") == (None, False)
    cursors.move("mentions", "7")
    cursors.move("messages", "8")
    assert cursors.get("mentions") == ("7", True)
    harness.queues.connection.flushall()
    again = Cursors(harness.reply_store("x"), path)
    assert (again.get("mentions"), again.get("messages")) == (("7", False), ("8", False))


@pytest.mark.parametrize("content", ["", "[]", "{", "7", '{"mentions": null}'])
def test_a_damaged_file_is_logged_and_ignored(content: str, harness: Harness, tmp_path: Path) -> None:
    path = tmp_path / "bot-x.json"
    path.write_text(content, encoding="utf-8")
    cursors = Cursors(harness.reply_store("x"), path)
    assert cursors.get("messages") == (None, False)
    cursors.move("mentions", "9")
    harness.queues.connection.flushall()
    assert Cursors(harness.reply_store("x"), path).get("mentions") == ("9", False)


def test_a_file_that_cannot_be_written_is_logged(
    harness: Harness, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    cursors = Cursors(harness.reply_store("x"), tmp_path / "file" / "bot-x.json")
    cursors.move("mentions", "9")
    assert cursors.get("mentions") == ("9", True)
    assert "cannot be written" in caplog.text
