"""Random texts to the parser: no crash, one-line sentences, bounded notices, moderated titles."""

import random

import pytest

from bot.commands.grammar import ALL_NAMES
from bot.commands.parser import parse, request_from
from bot.commands.titles import mask_blocked, moderated_title
from bot.commands.tokenizer import MAX_NOTICES

VALUES = (
    "metal", "metal:0.7+jazz:0.3", "jazz:0+pop:1", "160", "-1", "1e9", "20%", "0,2", "NaN", "9" * 400, "1:30", "2 min",
    "drums,bass", "two violins and", "kazoo", "Dm", "F# major", "Am F C G", "Dm7 | G7", "E5-G5", "N.C.", "Hm", "C#/E",
    "x" * 300,
)  # fmt: skip
ODDITIES = (
    "@me@host.example", "https://x.com/compose/t/1",
    "／ｃｏｍｐｏｓｅ", "\u200b", "\u202e", "👩\u200d🚀", "\ud800", "\x00",
    "“", "”",
    "(", ")", "#tag", "…", "e\u0301", "ﷺ", "\n", "\t", "stop", "kys", "h3il h1tler", "/", "//", "|", "-", ",", ":", "=",
)  # fmt: skip


def random_text(generator: random.Random) -> str:
    """Words, values, oddities and single characters of all planes, joined with and without spaces."""
    pieces = [_piece(generator) for _ in range(generator.randrange(14))]
    return generator.choice(("", " ", " ", " ", "  ")).join(pieces)


def _piece(generator: random.Random) -> str:
    kind = generator.randrange(5)
    if kind == 0:
        return "/" + generator.choice(ALL_NAMES)
    if kind == 1:
        return generator.choice(VALUES)
    if kind == 2:
        return generator.choice(ODDITIES)
    if kind == 3:
        return "".join(chr(generator.randrange(0x20, 0x3000)) for _ in range(generator.randrange(12)))
    return chr(generator.randrange(0x110000))


def check(text: str) -> None:
    for parsed in (parse(text), request_from(text, {"length": 20})):
        assert (parsed.request is not None) == (parsed.kind == "compose")
        assert (parsed.refusal is not None) == (parsed.kind == "refused")
        sentences = [*parsed.notices, *([parsed.refusal] if parsed.refusal else [])]
        assert len(parsed.notices) <= MAX_NOTICES
        assert all("\n" not in sentence and mask_blocked(sentence) == sentence for sentence in parsed.notices)
        "".join(sentences).encode()  # no lone surrogates
        if parsed.request is not None:
            assert parsed.request.title == moderated_title(parsed.request.title) == mask_blocked(parsed.request.title)


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_random_texts_are_parsed_or_refused(count: int) -> None:
    generator = random.Random(count)
    for _ in range(count):
        text = random_text(generator)
        try:
            check(text)
        except Exception as error:
            raise AssertionError(f"{text!r}") from error
