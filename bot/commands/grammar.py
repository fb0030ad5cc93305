"""The command words: one table, and the way a request is written with them.

`docs/commands.md` tells the same table to musicians. Deliberately knows no tweet:
`bot.commands.tokenizer` takes one apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.commands.fields import as_fields
from composer.request import ComposeRequest

Verb = Literal["compose", "help", "genres", "again", "stop"]


@dataclass(frozen=True, slots=True)
class CommandWord:
    """One word that sets ``field``. ``names`` without the slash, the short one first; ``value`` if it is a flag."""

    field: str
    names: tuple[str, ...]
    meaning: str
    value: str | None = None


WORDS: tuple[CommandWord, ...] = (
    CommandWord("genre", ("g", "genre"), "genre, or a blend such as metal:0.7+jazz:0.3"),
    CommandWord("tempo", ("t", "tempo"), "beats a minute, 40-300"),
    CommandWord("randomness", ("r", "randomness"), "0 careful to 1 wild, or 20%"),
    CommandWord("length", ("l", "length"), "seconds, 10-140"),
    CommandWord("band", ("i", "band"), "instruments, such as drums,bass,lead guitar"),
    CommandWord("key", ("k", "key"), "key, such as Dm or F# major"),
    CommandWord("seed", ("s", "seed"), "number that repeats a song exactly"),
    CommandWord("sampling", ("e", "embedding"), "sample in embedding space", value="embedding"),
)
# Stop rules over everything: who does not want us is not answered with a song. Then what makes a sound.
VERBS: tuple[Verb, ...] = ("stop", "compose", "again", "help", "genres")

WORD_BY_NAME: dict[str, CommandWord] = {name: word for word in WORDS for name in word.names}
ALL_NAMES: tuple[str, ...] = (*VERBS, *WORD_BY_NAME)

STOP_PHRASES = frozenset(
    {"stop", "stop it", "stop please", "please stop", "stop now", "stop replying", "unsubscribe", "opt out", "optout"}
)
"""Whole messages that ask to be left alone, without a slash as well."""


def as_command(request: ComposeRequest, *, title: bool = True) -> str:
    """``request`` as a person would tweet it: ``Dancing robots /compose /g heavy-metal /t 160``.

    `bot.commands.parser.parse` reads it back to an equal request. ``title=False`` leaves the title out, where room
    is short.
    """
    fields = as_fields(request)
    front = [fields["title"]] if title and "title" in fields else []
    asked = (_written(word, fields[word.field]) for word in WORDS if word.field in fields)
    return " ".join([*front, "/compose", *asked])


def _written(word: CommandWord, value: str) -> str:
    return f"/{word.names[0]}" if word.value else f"/{word.names[0]} {value}"
