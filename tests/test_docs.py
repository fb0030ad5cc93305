"""What the documents say is so: every command and flag they show exists, every file they link is there."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"^\s+(?:\.venv/bin/)?riffbird ([a-z]+)(.*?)(?:\s#.*)?$", re.MULTILINE)
CORPUS_COMMANDS = ("prepare", "describe", "fetch")


@cache
def help_of(*words: str) -> str:
    command = [sys.executable, "-m", "bot.cli.main", *words, "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, env={"COLUMNS": "200", "PATH": ""})
    assert result.returncode == 0, result.stderr
    return result.stdout


def shown_commands() -> list[tuple[str, str, str]]:
    return [(page.name, *match) for page in PAGES for match in COMMAND.findall(page.read_text(encoding="utf-8"))]


def test_the_readme_shows_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^\s+make ([a-z-]+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    assert "make song" in text
    assert "make test" in text


@pytest.mark.parametrize(("page", "command", "rest"), shown_commands())
def test_every_shown_command_and_flag_exists(page: str, command: str, rest: str) -> None:
    words = rest.split()
    shown = (
        help_of(command, words[0])
        if command == "corpus" and words and words[0] in CORPUS_COMMANDS
        else help_of(command)
    )
    for flag in re.findall(r"(?<!\S)(--[a-z-]+)", rest):
        assert flag in shown, f"{page}: riffbird {command} has no {flag}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_linked_file_is_there(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links {target}"


def test_the_table_of_genres_is_in_the_documents() -> None:
    from midi_data.genres import GENRES

    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert all(f"`{genre.name}`" in text for genre in GENRES)


def test_the_recipe_of_the_shipped_checkpoint_is_in_the_repository() -> None:
    from composer.model.checkpoint import load_checkpoint
    from training.config import read_config

    header = load_checkpoint().header
    recipe = read_config(ROOT / "training" / "recipes" / f"{header.recipe['name']}.toml")
    assert recipe.widths.model_dump() == header.recipe["widths"]


PLACES = re.compile(r"`([\w/.-]+\.(?:py|js|toml|yml))`(?::\s*((?:`\w+`(?:, )?)+))?")
"""A file in backticks, and the identifiers that follow it after a colon."""


@pytest.mark.parametrize("name", ["architecture.md", "glossary.md", "../CONTRIBUTING.md"])
def test_every_named_file_and_identifier_exists(name: str) -> None:
    found = PLACES.findall((ROOT / "docs" / name).read_text(encoding="utf-8"))
    assert found
    for path, identifiers in found:
        assert (ROOT / path).is_file(), f"{name} names {path}"
        text = (ROOT / path).read_text(encoding="utf-8")
        for identifier in re.findall(r"`(\w+)`", identifiers):
            assert re.search(rf"\b{identifier}\b", text), f"{name}: {path} has no {identifier}"


def test_every_term_of_the_glossary_has_a_place() -> None:
    rows = [
        line.split(" | ")
        for line in (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| **")
    ]
    assert len(rows) >= 60
    terms = [row[0] for row in rows]
    assert len(terms) == len(set(terms))
    assert all(PLACES.search(row[-1]) for row in rows)
