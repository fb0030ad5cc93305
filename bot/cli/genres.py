"""``riffbird genres``: lists genres; exports, imports and deletes trained ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.console import print_json, print_result, print_table

if TYPE_CHECKING:
    from composer.genre_store import GenreCard

app = typer.Typer(rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="A genre of your own.")]


@app.callback(invoke_without_command=True)
def genres(
    context: typer.Context,
    checkpoint: Annotated[Path | None, typer.Option(help="The network to ask (default: all on offer).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a genre, one a line.")] = False,
) -> None:
    """List the genres (names, what they were learned from, how well), or export, import, delete your own."""
    if context.invoked_subcommand:
        return
    rows = describe(checkpoint)
    if as_json:
        for row in rows:
            print_json(row)
        return
    print_table(
        ("genre", "aliases", "tempo", "pieces", "hours", "nats a note", "taught", "licence", "what"),
        [
            (row["name"], ", ".join(row["aliases"]), "{}-{}".format(*row["tempo_range_bpm"]),
             row["pieces"], row["hours"],
             "-" if row["nll"] is None else row["nll"], row["date"] or "ships", _licence(row), row["description"])
            for row in rows
        ],
    )  # fmt: skip


@app.command("export")
def export_genre(name: Name, file: Annotated[Path, typer.Argument(help="The file to write.")]) -> None:
    """Write a genre of your own to a file that another band can import."""
    from composer.genre_store import export

    export(name, file)
    print_result(str(file))


@app.command("import")
def import_genre(
    file: Annotated[Path, typer.Argument(help="A file that genres export wrote, or a checkpoint.")],
    name: Annotated[str, typer.Option(help="Which genre, where the file brings several new ones.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of a genre of that name.")] = False,
) -> None:
    """Import a genre from a file; it is on offer at once."""
    from composer.genre_store import add

    print_result(add(file, name, replace=replace).name)


@app.command("delete")
def delete_genre(name: Name) -> None:
    """Delete a trained genre for good."""
    from composer.genre_store import delete

    delete(name)


def describe(checkpoint: Path | None = None) -> list[dict[str, Any]]:
    """One row a genre: those of the checkpoint (default: the shipped one), then, without one, the trained ones."""
    from composer.genre_store import card_of, cards, custom_names_among
    from composer.model.checkpoint import load_checkpoint
    from midi_data.genres import GENRES, HOUSE_GENRE

    loaded = load_checkpoint(checkpoint)
    header = loaded.header
    rows = [
        {
            "name": genre.name,
            "aliases": list(genre.aliases),
            "house": genre.name == HOUSE_GENRE,
            "own": False,
            "description": genre.description,
            "tempo_range_bpm": list(genre.tempo_range_bpm),
            "pieces": int(header.data.get(genre.name, {}).get("pieces", 0)),
            "hours": header.data.get(genre.name, {}).get("hours", 0.0),
            "nll": header.valid.get(genre.name, {}).get("nll"),
            "licences": sorted(header.licences.get(genre.name, {})),
            "date": None,
        }
        for genre in GENRES
        if genre.name in header.genres
    ]
    trained = [card_of(loaded, name) for name in custom_names_among(header.genres)] if checkpoint else cards()
    return rows + [_row(card) for card in trained]


def _row(card: GenreCard) -> dict[str, Any]:
    return {
        "name": card.name,
        "aliases": [],
        "house": False,
        "own": True,
        "description": card.description,
        "tempo_range_bpm": list(card.tempo_range_bpm),
        "pieces": card.pieces,
        "hours": card.hours,
        "nll": card.nll,
        "licences": list(card.licences),
        "date": card.added.date().isoformat(),
    }


def _licence(row: dict[str, Any]) -> str:
    """The licence, or the number of licences."""
    plain = sorted({text.split(": ", 1)[-1] for text in row["licences"]})
    return plain[0] if len(plain) == 1 else f"{len(plain)} (see --json)" if plain else "-"
