"""Mastodon's JSON and HTML, read without a server."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.networks.mastodon.reading import as_mention, plain_text
from bot.networks.protocol import Mention

AT = datetime(2026, 11, 21, tzinfo=UTC)


def mention(**status: Any) -> Mention:
    account = {"id": "600", "acct": "ada@far.example", "bot": False}
    facts = {"id": "1", "visibility": "public", "content": "<p>hello</p>", "created_at": AT, **status}
    return as_mention({"id": "9", "status": facts, "account": account})


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<p>@<span>bird</span> a &amp; b<br />/compose</p><p>/g metal</p>", "@bird a & b\n/compose\n\n/g metal"),
        ("<div>one</div><div>two</div>", "one\n\ntwo"),
        ("<ul><li>one</li><li>two</li></ul>", "one\n\ntwo"),
        ("<h1>Robots</h1>/compose", "Robots\n/compose"),
        ("<blockquote>said</blockquote>mine", "said\nmine"),
        ("a<script>evil()</script>b", "ab"),
        ("<p>x</p>" * 2, "x\n\nx"),
        ("no markup at all", "no markup at all"),
        ("<p>unclosed <b>bold", "unclosed bold"),
    ],
)
def test_html_becomes_text_in_which_no_words_are_joined(content: str, text: str) -> None:
    assert plain_text(content) == text


@pytest.mark.parametrize(
    "content",
    [
        '<p class="quote-inline">RE: <a href="https://far.example/@bo/1">far.example/@bo/1</a></p>Robots /compose',
        "<p>RE: https://far.example/@bo/1</p><p>Robots /compose</p>",
        "<p>Robots /compose</p><p>RE: https://far.example/@bo/1</p>",
    ],
)
def test_the_line_that_stands_for_a_quoted_post_is_no_title(content: str) -> None:
    assert plain_text(content) == "Robots /compose"


def test_a_title_that_begins_with_re_stays() -> None:
    assert plain_text("<p>RE: your letter /compose</p>") == "RE: your letter /compose"


@pytest.mark.parametrize(
    ("visibility", "is_public", "is_private"),
    [("public", True, False), ("unlisted", False, False), ("private", False, False), ("direct", False, True)],
)
def test_only_public_posts_are_public(visibility: str, is_public: bool, is_private: bool) -> None:
    found = mention(visibility=visibility)
    assert (found.is_public, found.is_private) == (is_public, is_private)


@pytest.mark.parametrize("identifier", ["01JQ8ZC5T4ULID0000000000AA", 17, "17"])
def test_ids_are_opaque(identifier: object) -> None:
    assert mention(id=identifier).interaction == str(identifier)


@pytest.mark.parametrize("status", [{"id": None}, {"id": True}, {"created_at": 7}, {"created_at": "soon"}])
def test_a_malformed_status_raises(status: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        mention(**status)


def test_a_time_may_be_text() -> None:
    assert mention(created_at="2026-11-21T00:00:00Z").written_at == AT.timestamp()
