"""``riffbird corpus``: prepares corpora from folders and archives of MIDI, fetches archives, describes corpora."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.console import print_json, print_result, print_status, print_table, progress_bar
from bot.cli.errors import CommandRefusedError
from bot.cli.train.licences import stated_licence

if TYPE_CHECKING:
    from rich.progress import TaskID

app = typer.Typer(help="Prepare and describe corpora of MIDI.", no_args_is_help=True, rich_markup_mode=None)

DEFAULT_FOLDER = Path("data/corpora")


@app.command()
def prepare(
    source: Annotated[Path, typer.Argument(help="A folder of archives, an archive, or a folder of MIDI files.")],
    out: Annotated[Path, typer.Option(help="Folder for the prepared corpus.")] = DEFAULT_FOLDER,
    genre: Annotated[
        str, typer.Option(help="Genre of files that no manifest.csv names (default: the source's name).")
    ] = "",
    licence: Annotated[
        str | None,
        typer.Option(help="Licence of files that no manifest.csv names (default: asked for, or not stated)."),
    ] = None,
    keep_unaligned: Annotated[
        bool, typer.Option("--keep-unaligned", help="Keep files whose beats are not aligned to the grid.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a source, one a line.")] = False,
) -> None:
    """Read, check, clean, de-duplicate and encode MIDI into memory-mapped arrays. Resumes an interrupted run."""
    from midi_data.corpus.dataset import open_shard
    from midi_data.corpus.prepare import prepare as prepare_corpus

    licence = stated_licence(licence, source)
    with progress_bar() as bar:
        tasks: dict[str, TaskID] = {}

        def on_progress(name: str, count: int) -> None:
            if bar:
                if name not in tasks:
                    tasks[name] = bar.add_task(name, total=None, note="")
                bar.update(tasks[name], note=f"{count} files")

        folders = prepare_corpus(
            source, out, genre=genre, licence=licence, keep_unaligned=keep_unaligned, progress=on_progress
        )
    cards = [open_shard(folder).card for folder in folders]
    for folder, card in zip(folders, cards, strict=True):
        _print_outcome(folder, card)
    _print_losses(cards, as_json=as_json)
    print_status(f"prepared in {out}")


def _print_outcome(folder: Path, card: dict[str, Any]) -> None:
    from midi_data.ingest.report import REPORT_NAME, cleaning, outcome

    stated = sorted({named.partition(": ")[2] for named in card["licences"]})
    licences = stated[0] if len(stated) == 1 else f"{len(stated)} different ones"
    print_status(f"{card['source']}: {outcome(card)}; {card['notes']} notes; licence: {licences}")
    if cleaned := cleaning(card):
        print_status(f"  {cleaned}")
    moved = card["quantised"]
    print_status(f"  notes moved {moved['mean_moved_ms']} ms on average to the grid; each file: {folder / REPORT_NAME}")


def _print_losses(cards: list[dict[str, Any]], *, as_json: bool) -> None:
    keys = ("source", "pieces", "skipped", "cleaned", "licence", "losses")
    shown = [{key: card[key] for key in keys} for card in cards]
    if as_json:
        for card in shown:
            print_json(card)
        return
    names = list(shown[0]["losses"])
    print_table(
        ("round trip", *(name.replace("_", " ") for name in names)),
        [(c["source"], *c["losses"].values()) for c in shown],
    )


@app.command()
def fetch(
    names: Annotated[
        list[str] | None, typer.Argument(help="Collections (none: list them), or an https:// address.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the archives.")] = Path("data/archives"),
    genre: Annotated[str, typer.Option(help="Genre of an archive given by address.")] = "",
) -> None:
    """Download public collections of MIDI with a stated licence, ready for riffbird corpus prepare."""
    from midi_data.corpus.fetch import Source, known_sources
    from midi_data.corpus.fetch import fetch as download

    known = known_sources()
    if not names:
        print_table(("collection", "genre", "licence"), [(s.name, s.genre, s.licence) for s in known.values()])
        return
    for name in names:
        if name not in known and "://" not in name:
            raise CommandRefusedError(f"{name!r} is no known collection. There are: {', '.join(known)}")
    with progress_bar() as bar:
        for name in names:
            source = known.get(name) or Source(Path(name).name.split(".")[0], genre, name, "not stated")
            task = bar.add_task(source.name, total=None, note="") if bar else None

            def on_bytes(got: int, whole: int | None, task: TaskID | None = task) -> None:
                if bar and task is not None:
                    bar.update(task, completed=got, total=whole, note=f"{got / 1e6:.1f} MB")

            path = download(source, out, on_bytes)
            print_result(str(path))
            print_status(
                f"licence: {source.licence}; next: riffbird corpus prepare {path} --genre {source.genre or 'GENRE'}"
            )


@app.command()
def describe(
    source: Annotated[Path, typer.Argument(help="A prepared corpus.")] = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a genre, one a line.")] = False,
) -> None:
    """Hours, notes, instruments, meters and licences of each genre."""
    from midi_data.corpus.dataset import open_shards
    from midi_data.corpus.describe import describe_genres

    rows = describe_genres(open_shards(source))
    if as_json:
        for row in rows:
            print_json(row)
        return
    print_table(
        ("genre", "train", "valid", "hours", "notes", "parts a piece", "instruments", "meters"),
        [(r["genre"], r["train_pieces"], r["valid_pieces"], r["hours"], r["notes"], r["median_parts"],
          ", ".join(list(r["instruments"])[:3]), ", ".join(list(r["meters"])[:4])) for r in rows],
    )  # fmt: skip
