import pytest

from bot.commands.opt_out import is_opt_in, is_opt_out
from bot.commands.parser import parse


@pytest.mark.parametrize(
    "text",
    [
        "stop", "STOP!", "/stop", "@riffbird stop", "@riffbird, stop", "Stop. Thank you!", "please stop",
        "Stop, please!",
        "Riffbird: stop", "stop it", "stop replying to me", "@riffbird please stop messaging me.", "unsubscribe",
        "opt out", "opt-out", "Opt me out please", "leave me alone", "Please leave me alone, bot", "don't reply to me",
        "Don’t reply to me again", "do not answer me anymore", "go away", "no more replies, thanks",
        "hey bot, stop now",
        "@riffbird@far.example stop 🛑", "ok stop",
    ],
)  # fmt: skip
def test_opting_out_is_understood_as_people_write_it(text: str) -> None:
    assert is_opt_out(text)
    assert parse(text).kind == "stop"


@pytest.mark.parametrize(
    "text",
    [
        "don't stop the music /compose", "stop motion /compose /g jazz", "I can't stop listening", "non-stop", "",
        "please", "thank you", "Bus stop", "stop and go /compose", "stopping by", "who said stop? not me",
        "go away blues /compose",
    ],
)  # fmt: skip
def test_other_messages_with_such_words_are_no_opt_out(text: str) -> None:
    assert not is_opt_out(text)
    assert parse(text).kind != "stop"


@pytest.mark.parametrize(
    "text", ["start", "/start", "@riffbird start again", "opt in", "Opt me back in, please", "resume"]
)
def test_opting_in_again_is_understood(text: str) -> None:
    assert is_opt_in(text)
    assert parse(text).kind == "start"


@pytest.mark.parametrize("text", ["start me up /compose", "let's start", "a fresh start", ""])
def test_other_messages_with_such_words_are_no_opt_in(text: str) -> None:
    assert not is_opt_in(text)
    assert parse(text).kind != "start"
