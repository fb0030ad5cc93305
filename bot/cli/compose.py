"""``riffbird compose``: a request in words and flags, a song on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.console import progress_bar, say, say_json, tell
from bot.cli.errors import CommandRefusedError
from bot.commands.grammar import field_description

if TYPE_CHECKING:
    from composer.pipeline import OnStage
    from composer.request import ComposeRequest, Format
    from composer.result import Rendition

FORMATS = ("mid", "wav", "mp3", "ogg", "png", "mp4", "stems", "musicxml")
DEFAULT_FORMATS = ("mid", "mp3", "png")
MOST_SONGS = 1000
BATCH = 64
"""Songs composed before the first of them is rendered; more would only be waited for."""


def compose(
    text: Annotated[str, typer.Argument(help="A tweet, or only its command words, or a title.")] = "",
    genre: Annotated[str | None, typer.Option(help=field_description("genre"))] = None,
    tempo: Annotated[str | None, typer.Option(help=field_description("tempo"))] = None,
    randomness: Annotated[str | None, typer.Option(help=field_description("randomness"))] = None,
    length: Annotated[str | None, typer.Option(help=field_description("length"))] = None,
    band: Annotated[str | None, typer.Option(help=field_description("band"))] = None,
    key: Annotated[str | None, typer.Option(help=field_description("key"))] = None,
    chords: Annotated[str | None, typer.Option(help=field_description("chords"))] = None,
    seed: Annotated[str | None, typer.Option(help=field_description("seed"))] = None,
    sampling: Annotated[str | None, typer.Option(help=field_description("sampling"))] = None,
    primer: Annotated[Path | None, typer.Option(help="A MIDI file to go on from.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="The network to compose with (default: the shipped one, or the genre's own).")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("songs"),
    format_: Annotated[
        list[str] | None, typer.Option("--format", help="mid, wav, mp3, ogg, png, mp4, stems or musicxml; may repeat.")
    ] = None,
    stems: Annotated[bool, typer.Option("--stems", help="Also write one WAV a part, in a ZIP archive.")] = False,
    count: Annotated[int, typer.Option(help="How many songs, each with a seed of its own.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a song, one a line.")] = False,
) -> None:
    """Compose a song (or several) and write its files."""
    fields = {
        "genre": genre,
        "tempo": tempo,
        "randomness": randomness,
        "length": length,
        "band": band,
        "key": key,
        "chords": chords,
        "seed": seed,
        "sampling": sampling,
    }
    request, notices = read_request(text, fields, on_offer(checkpoint))
    formats = read_formats(format_, stems=stems)
    for number, rendition in enumerate(_perform(several(request, count), out, formats, checkpoint, primer)):
        told = rendition.model_copy(update={"notices": [*(notices if number == 0 else []), *rendition.notices]})
        _show(told, as_json=as_json)


def on_offer(checkpoint: Path | None) -> dict[str, str]:
    """Spellings of the genres that can be asked for: all of one's own too, or just those of a named checkpoint."""
    from composer.genre_store import custom_genre_names, spellings

    known = spellings()
    if checkpoint is None:
        return known
    from composer.pipeline import composer_for

    own = set(custom_genre_names())
    plays = composer_for(checkpoint).checkpoint.header.genres
    return {each: name for each, name in known.items() if name not in own} | {name: name for name in plays}


def read_request(text: str, fields: dict[str, str | None], genres: dict[str, str]) -> tuple[ComposeRequest, list[str]]:
    """The request in ``text`` with the flags over it. Raises ``CommandRefusedError`` with the rule and the value."""
    from bot.commands.parser import request_from

    parsed = request_from(text, fields, genres=genres)
    if parsed.kind in ("compose", "refused") and parsed.request is None:
        raise CommandRefusedError(parsed.refusal or "this cannot be composed")
    if parsed.request is None:
        raise CommandRefusedError(
            f"{text!r} asks for /{parsed.kind}, not for a song (see: riffbird --help, riffbird genres)"
        )
    return parsed.request, list(parsed.notices)


def read_formats(given: list[str] | None, *, stems: bool = False) -> list[Format]:
    """The formats asked for, each once. Raises ``CommandRefusedError`` for an unknown one."""
    for name in given or ():
        if name not in FORMATS:
            raise CommandRefusedError(f"--format is one of {', '.join(FORMATS)}, not {name!r}")
    return list(dict.fromkeys([*(given or DEFAULT_FORMATS), *(("stems",) if stems else ())]))


def several(request: ComposeRequest, count: int) -> list[ComposeRequest]:
    """``count`` requests: the asked seed and the ones after it, or a drawn seed each."""
    if not 1 <= count <= MOST_SONGS:
        raise CommandRefusedError(f"--count is 1 to {MOST_SONGS}, not {count}")
    from composer.request import HIGHEST_SEED

    if request.seed is None:
        return [request] * count
    return [request.model_copy(update={"seed": (request.seed + n) % (HIGHEST_SEED + 1)}) for n in range(count)]


def _perform(
    requests: list[ComposeRequest], out: Path, formats: list[Format], checkpoint: Path | None, primer: Path | None
) -> list[Rendition]:
    from composer.pipeline import compose_all
    from midi_data.io.midi_file import read_midi

    begins = read_midi(primer) if primer else None
    done: list[Rendition] = []
    with progress_bar() as bar:
        task = bar.add_task("composing", total=1.0, note="") if bar else None
        for first in range(0, len(requests), BATCH):
            group = requests[first : first + BATCH]

            def on_stage(stage: str, share: float, first: int = first, size: int = len(group)) -> None:
                if bar and task is not None:
                    within = share / 2 if stage == "composing" else 0.5 + share / 2
                    bar.update(task, description=stage, completed=(first + within * size) / len(requests))

            tell_stage: OnStage = on_stage
            last = first + BATCH >= len(requests)
            done += compose_all(
                group, out, formats, checkpoint=checkpoint, primer=begins, progress=tell_stage, last=last
            )
    return done


def _show(rendition: Rendition, *, as_json: bool) -> None:
    if as_json:
        say_json(rendition.model_dump(mode="json"))
        return
    for notice in rendition.notices:
        tell(notice)
    title = rendition.title or "Untitled"
    say(
        f"{title}: {rendition.genre}, {rendition.tempo_bpm:g} BPM, {rendition.key}, {rendition.bars} bars, "
        f"{rendition.duration_seconds:.1f} s, {rendition.notes} notes, seed {rendition.seed}"
    )
    for part in rendition.parts:
        say(f"  {part.name}: {part.notes} notes")
    for path in rendition.files.values():
        say(f"  {path}")
