import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.fields import as_command
from bot.commands.grammar import ALL_NAMES, FIELD_NAMES, WORDS
from bot.commands.parser import ParsedText, changed, parse, parse_words, request_from, request_from_fields
from bot.commands.titles import clean_title, moderated_title
from composer.request import ComposeRequest, KeyRequest, PartRequest
from midi_data.chords import CHORD_CLASSES, bar_name
from midi_data.genres import GENRES


def load_table() -> Any:
    spec = importlib.util.spec_from_file_location("parser_table", Path(__file__).with_name("parser_table.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TABLE = load_table()


def expected(fields: dict[str, Any]) -> ComposeRequest:
    return ComposeRequest.model_validate({"genres": {"heavy-metal": 1.0}} | fields)


def request_of(parsed: ParsedText) -> ComposeRequest:
    assert parsed.kind == "compose", parsed.refusal
    assert parsed.request is not None
    assert parsed.refusal is None
    return parsed.request


def assert_same(found: ComposeRequest, wanted: ComposeRequest) -> None:
    assert found.genres == pytest.approx(wanted.genres)
    assert found.model_copy(update={"genres": wanted.genres}) == wanted


def test_the_table_is_long_enough_to_mean_something() -> None:
    assert len(TABLE.ACCEPTED) + len(TABLE.REPORTED) + len(TABLE.REFUSED) + len(TABLE.OTHER_KINDS) >= 150


@pytest.mark.parametrize(("text", "fields"), TABLE.ACCEPTED)
def test_accepted_words_become_the_request_they_say(text: str, fields: dict[str, Any]) -> None:
    parsed = parse(text)
    assert_same(request_of(parsed), expected(fields))
    assert parsed.notices == ()


@pytest.mark.parametrize(("text", "fields", "notices"), TABLE.REPORTED)
def test_what_is_clamped_or_left_out_is_told(text: str, fields: dict[str, Any], notices: list[str]) -> None:
    parsed = parse(text)
    assert_same(request_of(parsed), expected(fields))
    assert len(parsed.notices) == len(notices)
    assert all(part in notice for part, notice in zip(notices, parsed.notices, strict=True))


@pytest.mark.parametrize(("text", "rule", "value"), TABLE.REFUSED)
def test_a_refusal_names_rule_and_value_in_one_line(text: str, rule: str, value: str) -> None:
    parsed = parse(text)
    assert (parsed.kind, parsed.request) == ("refused", None)
    assert parsed.refusal is not None
    assert rule in parsed.refusal
    assert value in parsed.refusal
    assert "\n" not in parsed.refusal


@pytest.mark.parametrize(("text", "kind"), TABLE.OTHER_KINDS)
def test_other_texts_are_told_apart(text: str, kind: str) -> None:
    assert parse(text).kind == kind


@pytest.mark.parametrize("genre", GENRES, ids=lambda genre: genre.name)
def test_every_spelling_of_every_genre_is_understood(genre: Any) -> None:
    for spelling in (genre.name, *genre.aliases, genre.name.upper(), genre.name.replace("-", " ")):
        assert request_of(parse(f"/compose /g {spelling}")).genres == {genre.name: 1.0}


COMMANDS = st.sampled_from([f"/{name}" for name in ALL_NAMES])
VALUES = st.sampled_from(
    ["metal", "jazz", "0.5", "160", "-1", "20%", "drums,", "bass", "Dm", "F#", "+", ":", ",", "@a", "https://x.com/g"]
)
ODDITIES = st.sampled_from(["/e", "9e99", "‘", "／", "\u200b", "👩\u200d🚀", "(", "<>"])
TWEETS = st.lists(st.one_of(COMMANDS, VALUES, ODDITIES, st.text(max_size=8))).map(" ".join)


@given(st.one_of(st.text(), TWEETS, st.text(alphabet="/gtrlikse .,:+-@#%0123456789\ud800\u200d")))
def test_no_text_makes_the_parser_fail_and_every_answer_is_whole(text: str) -> None:
    for parsed in (parse(text), parse_words(text)):
        assert (parsed.request is not None) == (parsed.kind == "compose")
        assert (parsed.refusal is not None) == (parsed.kind == "refused")
        said = [*parsed.notices, parsed.refusal or ""]
        assert all("\n" not in sentence for sentence in said)
        "".join(said).encode()  # no lone surrogates: it can be sent
        if parsed.request:
            assert clean_title(parsed.request.title) == parsed.request.title
            assert sum(parsed.request.genres.values()) == pytest.approx(1)


@given(st.text())
def test_a_clean_title_stays_as_it_is(text: str) -> None:
    assert clean_title(clean_title(text)) == clean_title(text)


def blends() -> st.SearchStrategy[dict[str, float]]:
    names = st.sampled_from([genre.name for genre in GENRES])
    weights = st.dictionaries(names, st.floats(1e-6, 1), min_size=1, max_size=4)
    return weights.map(lambda found: {name: weight / sum(found.values()) for name, weight in found.items()})


PARTS = st.builds(PartRequest, program=st.integers(0, 127), is_drum=st.booleans())
CHORDS = st.integers(0, CHORD_CLASSES - 1)
BARS = st.tuples(CHORDS, CHORDS).map(lambda pair: bar_name(*pair))
REQUESTS = st.builds(
    ComposeRequest,
    title=st.one_of(st.text(max_size=60), TWEETS.map(lambda text: text[:100])).map(moderated_title),
    genres=blends(),
    tempo_bpm=st.none() | st.floats(40, 300),
    randomness=st.floats(0, 1),
    length_seconds=st.floats(10, 140),
    band=st.none() | st.lists(PARTS, min_size=1, max_size=16).map(tuple),
    chords=st.none() | st.lists(BARS, min_size=1, max_size=32).map(tuple),
    key=st.none() | st.builds(KeyRequest, tonic=st.integers(0, 11), mode=st.sampled_from(["major", "minor"])),
    seed=st.none() | st.integers(0, 2**63 - 1),
    sampling=st.sampled_from(["probability", "embedding"]),
)


@given(REQUESTS)
def test_a_request_written_as_command_words_is_read_back_as_itself(request: ComposeRequest) -> None:
    assert request_of(parse(as_command(request))) == request
    assert parse(as_command(request)).notices == ()


@given(REQUESTS)
def test_a_request_given_as_fields_is_read_back_as_itself(request: ComposeRequest) -> None:
    fields = json.loads(request.model_dump_json())
    assert request_of(request_from_fields(fields)) == request


def test_a_request_is_written_as_a_person_would() -> None:
    text = "Dancing robots /compose /g metal /t 160 /r 20% /i drums,bass,two guitars /k dm /s 3 /e"
    request = request_of(parse(text))
    assert as_command(request) == (
        "Dancing robots /compose /g heavy-metal /t 160 /r 0.2 "
        "/i drums,electric bass pick,distortion guitar,distortion guitar /k D minor /s 3 /e"
    )
    assert as_command(request, title=False).startswith("/compose /g heavy-metal")


@pytest.mark.parametrize("text", ["@riffbird Robots /compose /t 160", "Robots /t 160", "/t 160 /compose Robots"])
def test_the_command_line_needs_no_compose(text: str) -> None:
    assert request_of(parse_words(text)) == expected({"title": "Robots", "tempo_bpm": 160})


def test_a_title_alone_and_nothing_at_all_compose_the_house_genre() -> None:
    assert request_of(parse_words("Robots")) == expected({"title": "Robots"})
    assert request_of(parse_words("")) == expected({})
    assert request_of(request_from_fields({})) == expected({})


def test_other_verbs_are_read_on_the_command_line_too() -> None:
    texts = ("/help", "/genres", "/again", "stop")
    assert [parse_words(text).kind for text in texts] == ["help", "genres", "again", "compose"]


def test_flags_win_over_words_and_are_judged_once() -> None:
    parsed = request_from("Robots /compose /t 9999 /g polka", {"tempo": 120, "genre": "jazz", "seed": None})
    assert request_of(parsed) == expected({"title": "Robots", "tempo_bpm": 120, "genres": {"jazz": 1}})
    assert parsed.notices == ()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"tempo": 500}, "/t 500"), ({"tempo": "500"}, "/t 500"), ({"tempo_bpm": -5.0}, "/t -5"),
        ({"tempo": "fast"}, "/t fast"),
        ({"length": 3}, "/l 3"), ({"length_seconds": 300}, "/l 300"), ({"randomness": -1}, "/r -1"),
        ({"randomness": "20%"}, "/r 20%"),
        ({"genre": "polka-core"}, "/g polka-core"), ({"genres": {"metal": 3, "jazz": 1}}, "/g metal:3+jazz:1"),
        ({"band": ["drums", "kazoo"]}, "/i drums,kazoo"), ({"band": ["drums", "lead guitar"]}, "/i drums,lead guitar"),
        ({"key": "purple"}, "/k purple"), ({"seed": "abc"}, "/s abc"), ({"seed": -1}, "/s -1"), ({"seed": 42}, "/s 42"),
        ({"chords": ["Am", "F-G"]}, "/c Am F-G"), ({"chords": "Hm"}, "/c Hm"),
        ({"sampling": "embedding"}, "/e"), ({"sampling": "Probability"}, ""), ({"tempo": ""}, "/t"),
    ],
)  # fmt: skip
def test_a_field_is_judged_and_worded_as_its_word(fields: dict[str, Any], text: str) -> None:
    by_field, by_word = request_from_fields(fields), parse(f"/compose {text}")
    assert (by_field.kind, by_field.request) == (by_word.kind, by_word.request)
    assert (by_field.notices, by_field.refusal) == (by_word.notices, by_word.refusal)


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"seed": True}, '"True"'), ({"seed": 1.5}, '"1.5"'), ({"seed": 10**5000}, '"1000'),
        ({"tempo": float("nan")}, '"nan"'),
        ({"tempo": float("inf")}, '"inf"'), ({"sampling": "loud"}, '"loud"'),
        ({"key": {"tonic": 99, "mode": "minor"}}, "99"),
        ({"band": [{"program": 300}]}, "300"), ({"genre": {"metal": float("nan")}}, "nan"), ({"band": [None]}, "none"),
        ({"randomness": [1, 2]}, '"1,2"'), ({"band": []}, ""),
    ],
)  # fmt: skip
def test_a_field_of_the_wrong_kind_is_refused_not_raised(fields: dict[str, Any], value: str) -> None:
    parsed = request_from_fields(fields)
    said = parsed.refusal or " ".join(parsed.notices)
    assert value in said
    assert said


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*FIELD_NAMES, "genres", "tempo_bpm", "parts", "x"]), JSON, max_size=4))
def test_no_json_makes_the_parser_fail(fields: dict[str, Any]) -> None:
    parsed = request_from_fields(fields)
    assert parsed.kind in ("compose", "refused")
    assert (parsed.request is None) == (parsed.kind == "refused") == (parsed.refusal is not None)


def test_unknown_fields_are_reported() -> None:
    assert "wat" in request_from_fields({"wat": 1}).notices[0]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("/replace bass", "bass"),
        ("/replace bass and drums please", "bass and drums"),
        ("/replace Overdriven Guitar 2, piano /r 0.9", "Overdriven Guitar 2, piano"),
        ("/replace guitar 2", "guitar 2"),
        ("I like it, but /replace drums!", "drums!"),
        ("/replace kazoo orchestra", "kazoo orchestra"),
        ("/replace", ""),
        ("/replace 🎸", "🎸"),
    ],
)
def test_the_parts_behind_replace_are_read_as_a_band(text: str, parts: str) -> None:
    assert parse(text).fields["replace"] == parts


def test_text_beside_a_reply_is_conversation() -> None:
    text = "I love this one, /again please"
    assert "title" not in parse(text).fields
    assert parse(text).notices == ()
    assert parse("Cats /compose /again").fields["title"] == "Cats"
    assert "I don't know /foo" in parse("/vary /foo").notices[0]


def test_a_variation_is_read_and_written() -> None:
    request = request_of(parse("x /compose /s 5 /v 007"))
    assert (request.seed, request.variation) == (5, 7)
    assert as_command(request) == "x /compose /g heavy-metal /s 5 /v 7"
    assert "0 to 999999" in str(parse("x /compose /v -1").refusal)


def test_again_keeps_the_request_but_for_seed_and_changes() -> None:
    first = request_of(parse("Robots /compose /g jazz /t 120 /s 5"))
    assert request_of(changed(first, parse("/again"), without=("seed",))) == first.model_copy(update={"seed": None})
    faster = request_of(changed(first, parse("/again /t 200 /s 9")))
    assert faster == first.model_copy(update={"tempo_bpm": 200, "seed": 9})


def test_genres_of_ones_own_take_the_place_of_the_shipped_ones() -> None:
    own = {"polka": "polka", "oom pah": "polka", "zydeco": "zydeco"}
    assert request_of(parse("/compose /g Oom-Pah", genres=own)).genres == {"polka": 1}
    assert request_of(parse("/compose", genres=own)).genres == {"polka": 1}
    assert "I play: polka, zydeco." in (parse("/compose /g jazz", genres=own).refusal or "")


def test_each_field_has_one_short_and_at_least_one_long_word() -> None:
    assert len(ALL_NAMES) == len(set(ALL_NAMES))
    assert all(len(word.names[0]) == 1 < len(word.names[1]) for word in WORDS)


@pytest.mark.parametrize(
    "unit", ["a.", "@a", "@a:", "a-", "\u200d", "👨\u200d", '"', "k.y.", "/i drums ", "/c Am ", "/", "1"]
)
def test_no_text_takes_long_however_it_is_made(unit: str) -> None:
    begin = time.process_time()
    parse(f"{unit * 4000} /compose")
    parse(f"/compose /g {unit * 1000}")
    assert time.process_time() - begin < 1


def test_many_unknown_words_give_few_notices() -> None:
    unknown = (f"/x{chr(97 + n // 26)}{chr(97 + n % 26)} y" for n in range(150))
    parsed = parse(f"Robots /compose {' '.join(unknown)}")
    assert len(parsed.notices) == 8
    assert parsed.notices[-1] == "143 more notices are left out."


def test_a_blocked_word_is_masked_in_title_and_notices() -> None:
    parsed = parse("Go kys now /compose /mood kys")
    assert request_of(parsed).title == "Go *** now"
    assert "kys" not in " ".join(parsed.notices)


@pytest.mark.parametrize("unit", ['"', "@a", '"@a', "“(", "/a", "a@b.c ", "www.", "k.y."])
def test_cleaning_a_title_takes_linear_time(unit: str) -> None:
    begin = time.process_time()
    moderated_title((unit * 2000)[:2000])
    assert time.process_time() - begin < 0.1


def test_parsing_loads_neither_torch_nor_numpy() -> None:
    check = (
        "import sys, bot.commands.parser, bot.commands.messages;sys.exit(bool({'torch', 'numpy'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
