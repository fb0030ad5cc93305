import re
from pathlib import Path

import pytest

from bot.commands.band_names import knows_band
from bot.commands.grammar import VERBS, WORDS
from bot.commands.parser import FIELD_NAMES, parse
from midi_data.general_midi import FAMILY_NAMES, instrument_groups
from midi_data.genres import GENRES, Genre, plain_name
from midi_data.keys import parse_key

PAGE = Path(__file__).parents[3].joinpath("docs", "commands.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("name", [*VERBS, *(name for word in WORDS for name in word.names)])
def test_every_command_word_is_told(name: str) -> None:
    assert f"`/{name}`" in section("The words")


@pytest.mark.parametrize("genre", GENRES, ids=lambda genre: genre.name)
def test_every_genre_is_told_with_its_other_names_and_sound(genre: Genre) -> None:
    row = next(line for line in section("Genres").splitlines() if line.startswith(f"| `{genre.name}` |"))
    others = [plain_name(name) for name in row.split("|")[2].split(",")]
    assert sorted(others) == sorted(genre.aliases)
    assert genre.description in row


def test_every_family_is_told_and_every_instrument_told_is_known() -> None:
    rows = dict(re.findall(r"^\| ([A-Z][A-Za-z ]+) \| (.+) \|$", section("Instruments"), re.MULTILINE))
    assert [*FAMILY_NAMES, "Drums"] == list(rows)
    unknown = [word for words in rows.values() for word in words.split(", ") if not knows_band(word)]
    assert unknown == []


@pytest.mark.parametrize("group", ["string quartet", "rhythm section", "power trio", "rock band"])
def test_the_groups_told_exist(group: str) -> None:
    assert group in instrument_groups()
    assert f"`{group}`" in PAGE


def test_every_example_of_a_value_is_accepted() -> None:
    examples = re.findall(r"`(/[a-z]+ [^`]+)`", section("The words"))
    kinds = {example: parse(f"/compose {example}").kind for example in examples if not example.startswith("/again")}
    assert len(kinds) > 15
    assert set(kinds.values()) == {"compose"}, kinds


@pytest.mark.parametrize("key", ["Dm", "d minor", "D-minor", "C sharp minor", "B♭ major", "fis-moll", "d"])
def test_the_keys_told_are_read(key: str) -> None:
    assert f"`{key}`" in section("Keys")
    assert parse_key(key) is not None


def test_every_field_is_told() -> None:
    assert all(f"`{name}`" in section("Over HTTP and on the command line") for name in FIELD_NAMES)
