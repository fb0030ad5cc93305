import re
from pathlib import Path

import pytest

from bot.commands.band_names import is_band
from bot.commands.grammar import FIELD_NAMES, VERBS, WORDS, CommandWord
from bot.commands.parser import parse
from midi_data.general_midi import FAMILY_NAMES, instrument_groups
from midi_data.genres import GENRES, Genre, plain_name
from midi_data.keys import parse_key

PAGE = Path(__file__).parents[3].joinpath("docs", "commands.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def word_row(word: CommandWord) -> str:
    """The row of ``word`` in the page's table."""
    names = ", ".join(f"`{name}`" for name in word.slash_names)
    short = f"/{word.names[0]}"
    examples = [f"{short} {example}" for example in word.examples] or [short]
    cells = (names, word.meaning, ", ".join(f"`{example}`" for example in examples), word.default)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.field)
def test_every_word_has_the_row_of_the_grammar(word: CommandWord) -> None:
    assert word_row(word) in section("The words").splitlines()


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_row(verb: str) -> None:
    assert f"`/{verb}`" in section("The words")


@pytest.mark.parametrize("genre", GENRES, ids=lambda genre: genre.name)
def test_every_genre_is_told_with_its_other_names_and_sound(genre: Genre) -> None:
    row = next(line for line in section("Genres").splitlines() if line.startswith(f"| `{genre.name}` |"))
    others = [plain_name(name) for name in row.split("|")[2].split(",")]
    assert sorted(others) == sorted(genre.aliases)
    assert genre.description in row


def test_every_family_is_told_and_every_instrument_told_is_known() -> None:
    rows = dict(re.findall(r"^\| ([A-Z][A-Za-z ]+) \| (.+) \|$", section("Instruments"), re.MULTILINE))
    assert [*FAMILY_NAMES, "Drums"] == list(rows)
    unknown = [word for words in rows.values() for word in words.split(", ") if not is_band(word)]
    assert unknown == []


@pytest.mark.parametrize("group", ["string quartet", "rhythm section", "power trio", "rock band"])
def test_the_groups_told_exist(group: str) -> None:
    assert group in instrument_groups()
    assert f"`{group}`" in PAGE


def test_every_example_of_a_value_is_accepted() -> None:
    examples = [found.replace("\\|", "|") for found in re.findall(r"`(/[a-z]+ [^`]+)`", section("The words"))]
    kinds = {example: parse(f"/compose {example}").kind for example in examples if not example.startswith("/again")}
    assert len(kinds) > 15
    assert set(kinds.values()) == {"compose"}, kinds


@pytest.mark.parametrize("key", ["Dm", "d minor", "D-minor", "C sharp minor", "B♭ major", "fis-moll", "d"])
def test_the_keys_told_are_read(key: str) -> None:
    assert f"`{key}`" in section("Keys")
    assert parse_key(key) is not None


def test_every_field_is_told() -> None:
    assert all(f"`{name}`" in section("Over HTTP and on the command line") for name in FIELD_NAMES)
