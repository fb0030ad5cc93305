"""``riffbird genres``: what the band plays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.console import say_json, table


def genres(
    checkpoint: Annotated[Path | None, typer.Option(help="The network to ask (default: the shipped one).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a genre, one a line.")] = False,
) -> None:
    """List the genres: names, aliases, what they were learned from, how well."""
    rows = describe(checkpoint)
    if as_json:
        for row in rows:
            say_json(row)
        return
    table(
        ("genre", "aliases", "tempo", "pieces", "hours", "nats a note", "what"),
        [
            (row["name"], ", ".join(row["aliases"]), "{}-{}".format(*row["tempo_range_bpm"]),
             row["pieces"], row["hours"],
             "-" if row["nll"] is None else row["nll"], row["description"])
            for row in rows
        ],
    )  # fmt: skip


def describe(checkpoint: Path | None = None) -> list[dict[str, Any]]:
    """A row a genre: the table's facts and the checkpoint's figures."""
    from composer.checkpoint import load_checkpoint
    from midi_data.genres import GENRES, HOUSE_GENRE

    header = load_checkpoint(checkpoint).header
    return [
        {
            "name": genre.name,
            "aliases": list(genre.aliases),
            "house": genre.name == HOUSE_GENRE,
            "description": genre.description,
            "tempo_range_bpm": list(genre.tempo_range_bpm),
            "pieces": int(header.data.get(genre.name, {}).get("pieces", 0)),
            "hours": header.data.get(genre.name, {}).get("hours", 0.0),
            "nll": header.valid.get(genre.name, {}).get("nll"),
            "licences": sorted(header.licences.get(genre.name, {})),
        }
        for genre in GENRES
        if genre.name in header.genres
    ]
