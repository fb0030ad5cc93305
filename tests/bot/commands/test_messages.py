import inspect
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands import messages
from bot.commands.grammar import WORDS
from bot.commands.parser import parse
from bot.commands.text_length import fit, longest_length, weighted_length
from bot.commands.titles import clean_title, mask_blocked, moderated_title, public_line, public_title
from composer.result import PartFacts, Rendition
from midi_data.genres import GENRES


def rendition(title: str = "Dancing robots", notices: list[str] | None = None) -> Rendition:
    names = ("Drums", "Electric Bass (pick)", "Distortion Guitar", "Distortion Guitar")
    return Rendition(
        title=title, genre="heavy-metal", tempo_bpm=160.0, randomness=0.2, sampling="probability", seed=2**63 - 1,
        key="D minor", duration_seconds=45.2, bars=30, notes=812, notices=notices or [], checkpoint="house",
        parts=[PartFacts(name=name, program=0, is_drum=False, notes=9) for name in names], files={"mid": Path("a.mid")},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("This is a test.", 15), ("", 0), ("故人西辞黄鹤楼", 14), ("ｆｕｌｌ", 8),
        ("Füße, δέκα, мир, سلام", 21), ("a…", 3),
        ("“quoted” – so", 13), ("https://example.com/a/very/long/path/indeed", 23), ("see https://t.co/a.", 28),
        ("x.co", 23),
        ("at example.com now", 30), ("v1.5 e.g. Mr.Robot", 18), ("🙋🏽", 2),
        ("👨\u200d👩\u200d👧\u200d👦", 2),
        ("❤️", 2), ("☺", 2),
        ("3️⃣", 2),
        ("🇩🇪", 2), ("🤖🤖", 4), ("©", 1), ("e\u0301", 1), ("🏴\U000e0067\U000e0062\U000e007f", 2), ("a" * 280, 280),
    ],
)  # fmt: skip
def test_length_is_counted_as_x_does(text: str, length: int) -> None:
    assert weighted_length(text) == length


@given(st.text(alphabet=st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("a.co/:🤖\u200d\ufe0f🇩"))))
def test_the_longest_length_is_never_too_short(text: str) -> None:
    assert longest_length(text) >= weighted_length(text)


MEASURES: list[Callable[[str], int]] = [len, weighted_length, longest_length]
ODDITIES = st.sampled_from(["robots", "🤖", "踊る", "a.co", "@me", "👨\u200d👩"])
TEXTS = st.one_of(st.text(), st.lists(ODDITIES).map(" ".join))


@given(TEXTS, st.integers(0, 60), st.sampled_from(MEASURES))
def test_a_cut_text_fits(text: str, limit: int, measure: Callable[[str], int]) -> None:
    assert measure(fit(text, limit, measure)) <= limit


def test_a_text_is_cut_at_a_word() -> None:
    assert fit("Dancing robots everywhere", 18) == "Dancing robots…"
    assert fit("Dancing robots", 14) == "Dancing robots"


def test_the_song_reply_tells_title_facts_and_how_to_repeat_it() -> None:
    request = parse("Dancing robots /compose /g metal /t 999 /r 0.2").request
    text = messages.song_reply(rendition(), request, ["Tempo 999 is above what I can play."])
    assert text.splitlines() == [
        "“Dancing robots”: heavy-metal, 160 bpm, D minor, 45 s.",
        "Tempo 999 is above what I can play.",
        "Repeat it: /compose /g heavy-metal /t 300 /r 0.2 /s 9223372036854775807",
    ]


def test_the_repeat_words_are_read_back_to_the_same_request_but_for_its_title() -> None:
    request = parse("Robots /compose /g jazz:0.7+metal:0.3 /i drums,bass /k Dm /e").request
    assert request is not None
    last = messages.song_reply(rendition(), request).splitlines()[-1].removeprefix("Repeat it: ")
    assert parse(last).request == request.model_copy(update={"seed": 2**63 - 1, "title": ""})


def test_a_song_without_title_is_called_your_song() -> None:
    assert messages.song_reply(rendition("")).startswith("Your song: heavy-metal")


def test_without_room_the_seed_is_told_before_anything_else() -> None:
    request = parse("/compose /i " + ",".join(["distortion guitar"] * 16)).request
    text = messages.song_reply(rendition("x" * 200), request, ["A long notice. " * 6] * 4)
    assert "/s 9223372036854775807" in text
    assert "A long notice" in text
    assert "9223372036854775807" in messages.song_reply(rendition(), request, limit=40)


def test_the_alt_text_describes_the_song() -> None:
    assert messages.alt_text(rendition()) == (
        "Piano roll of “Dancing robots”, heavy-metal at 160 beats a minute, in D minor. "
        "Drums, electric bass (pick) and 2 × distortion guitar play 812 notes in 30 bars, 45 seconds long. "
        "Composed by a neural network."
    )


def test_help_names_every_word_and_fits_a_tweet() -> None:
    text = messages.help_reply()
    assert weighted_length(text) <= 280
    words = [f"/{word.names[0]}" for word in WORDS]
    assert all(word in text for word in ["/compose", *words, "/genres", "/again", "stop"])
    assert len(messages.help_reply(limit=2000)) > len(text) > len(messages.help_reply(limit=100))


def test_genres_are_listed_or_counted() -> None:
    text = messages.genres_reply()
    assert all(genre.name in text for genre in GENRES)
    assert weighted_length(text) <= 280
    assert messages.genres_reply([f"genre-{n}" for n in range(99)], limit=60).endswith(" more.")
    assert messages.genres_reply(["polka"]) == "I play polka."


def test_waiting_is_told_in_peoples_units() -> None:
    assert messages.queued_reply(1) == "The band is on it. You are next."
    assert messages.queued_reply(3, 90) == "The band is on it. 2 before you, about 90 seconds."
    assert messages.queue_full_reply(200).endswith("ask again in 4 minutes.")
    assert messages.cooldown_reply(1).endswith("in 1 second?")
    assert messages.too_many_reply(20).startswith("20 songs a day")
    assert [messages.duration_text(seconds) for seconds in (0, 3600, 3601)] == ["a moment", "1 hour", "2 hours"]


def test_an_apology_shows_no_internals() -> None:
    assert "our fault" in messages.apology_reply()
    assert "Traceback" not in messages.apology_reply()


def test_nobody_is_called_and_nothing_linked_in_a_public_title() -> None:
    assert public_title("hello @someone and ＠other") == "hello and"
    assert public_title("see https://spam.example/x now") == "see now"
    assert public_title("spam.example") == "spam·example"
    assert public_title("\u202eevil\u202c\x07") == "evil"
    assert public_title("@someone") == "your song"
    assert public_title("v1.5, 10.30") == "v1.5, 10.30"


DISGUISED = ["Kill yourself", "k.y.s", "K Y S", "kill   yourselfff", "h3il h1tler", "Sieg-Heil!"]


@pytest.mark.parametrize("title", DISGUISED)
def test_blocked_words_are_masked_through_disguises(title: str) -> None:
    assert mask_blocked(title) != title
    assert "***" in public_line(title) or public_title(title) == "your song"


@pytest.mark.parametrize(
    "title",
    ["Scunthorpe", "Killing in the name", "Dick in Essex", "Skyscraper", "Nigeria", "Damn hell", "White powder"],
)
def test_harmless_titles_stay_as_they_are(title: str) -> None:
    assert mask_blocked(title) == title
    assert public_title(title) == title


@given(TEXTS)
def test_a_public_title_never_calls_links_or_offends(text: str) -> None:
    title = public_title(text)
    assert title
    assert "@" not in title
    assert "＠" not in title
    assert "://" not in title
    assert mask_blocked(title) == title
    assert "\n" not in title
    title.encode()


def test_a_refusal_calls_nobody_it_quotes() -> None:
    refusal = parse("/compose /t b@home.example").refusal
    assert refusal is not None
    assert "@" not in messages.refusal_reply(refusal)


REPLIES = [function for name, function in inspect.getmembers(messages, inspect.isfunction) if name.endswith("_reply")]
ARGUMENTS: dict[str, st.SearchStrategy[object]] = {
    "rendition": st.builds(rendition, TEXTS, st.lists(TEXTS, max_size=3)),
    "request": TEXTS.map(lambda text: parse(f"{text} /compose /i drums,bass,strings /g metal:0.7+jazz").request),
    "notices": st.lists(TEXTS, max_size=3),
    "repeat": TEXTS,
    "names": st.lists(st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True), min_size=1, max_size=60),
    "refusal": TEXTS,
    "position": st.integers(0, 10**6),
    "wait_seconds": st.floats(0, 1e7),
    "songs_a_day": st.integers(0, 10**4),
}


@pytest.mark.parametrize("reply", REPLIES, ids=lambda function: function.__name__)
@given(data=st.data(), limit=st.integers(0, 600), measure=st.sampled_from(MEASURES))
def test_every_reply_keeps_within_its_limit(
    reply: Callable[..., str], data: st.DataObject, limit: int, measure: Callable[[str], int]
) -> None:
    names = [name for name in inspect.signature(reply).parameters if name not in ("limit", "measure")]
    text = reply(**{name: data.draw(ARGUMENTS[name]) for name in names}, limit=limit, measure=measure)
    assert measure(text) <= limit
    assert "@" not in text


@given(ARGUMENTS["rendition"], st.integers(0, 1500), st.sampled_from(MEASURES))
def test_every_alt_text_keeps_within_its_limit(song: Rendition, limit: int, measure: Callable[[str], int]) -> None:
    assert measure(messages.alt_text(song, limit=limit, measure=measure)) <= limit


def test_the_title_of_a_song_is_clean_before_it_is_public() -> None:
    assert clean_title(' "Dancing" ') == "Dancing"


def test_a_moderated_title_has_no_blocked_word_and_stays_as_it_is() -> None:
    assert moderated_title("Dance and kys now") == "Dance and *** now"
    assert moderated_title("kys @me") == "***"


@given(TEXTS)
def test_moderation_is_idempotent(text: str) -> None:
    title = moderated_title(text)
    assert moderated_title(title) == title == mask_blocked(title)


def test_a_block_list_file_is_read_again_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "words.txt"
    monkeypatch.setenv("RIFFBIRD_BLOCK_LIST", str(path))
    assert moderated_title("Zorblax rules") == "Zorblax rules"
    path.write_text("# ours\nZorblax\n")
    assert moderated_title("z0rblax rules") == "*** rules"
    path.write_text("other\n")
    os.utime(path, ns=(1, 1))
    assert moderated_title("Zorblax rules") == "Zorblax rules"
    assert moderated_title("kys") == "***"
