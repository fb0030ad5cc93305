"""``riffbird score``: the exact likelihood of MIDI files, in nats a note."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.console import print_json, print_result, print_status, print_table
from bot.cli.errors import REFUSED, CommandRefusedError


def score(
    files: Annotated[list[Path], typer.Argument(help="MIDI files.")],
    genre: Annotated[
        str | None, typer.Option(help="Score as this genre (default: the one each file fits best).")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="The network to score with (default: the shipped one).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file, one a line.")] = False,
) -> None:
    """Exact negative log-likelihood of each file: nats a note in all and per field, and nats of its stages.

    The stages are the band, the chart given the band, and the notes given both.
    """
    from composer.errors import RefusedError
    from composer.genre_store import custom_checkpoint
    from composer.likelihood.scorer import STAGES, Scorer
    from composer.model.checkpoint import load_checkpoint
    from midi_data.errors import BadMidiError
    from midi_data.events.encoding import FIELDS
    from midi_data.io.inspection import refused_file
    from midi_data.io.midi_file import read_midi

    scorer = Scorer(load_checkpoint(checkpoint or (custom_checkpoint(genre) if genre else None)))
    known = canonical_genre(genre, scorer.genres) if genre else None
    rows, stages, failed = [], [], False
    for path in files:
        try:
            result = scorer.score(read_midi(path), known)
        except (BadMidiError, RefusedError) as error:
            failed = True
            if as_json:
                print_json(refused_file(path, error))
            else:
                print_status(f"riffbird: {error}")
            continue
        rows.append((path.name, result["genre"], result["notes"], result["nll"], *result["fields"].values()))
        if "nats" in result:
            stages.append((path.name, *result["nats"].values(), *result["nats_per_note"].values()))
        if as_json:
            print_json({"file": str(path), "ok": True, **result})
    if rows and not as_json:
        print_table(("file", "genre", "notes", "nll", "band", *FIELDS), rows)
    if stages and not as_json:
        print_result("")
        print_table(("nats of", *STAGES, *(f"{stage}/note" for stage in STAGES)), stages)
    if failed:
        raise typer.Exit(REFUSED)


def canonical_genre(genre: str, known: tuple[str, ...]) -> str:
    """Return the checkpoint's name of ``genre``. Raises ``CommandRefusedError`` for an unknown one."""
    from midi_data.genres import genre_by_name, plain_name

    found = genre_by_name().get(plain_name(genre))
    name = found.name if found else plain_name(genre)
    if name not in known:
        raise CommandRefusedError(f"I don't know {genre!r}. This checkpoint knows: {', '.join(known)}")
    return name
