"""``riffbird compose``: composes the songs of a request and writes their files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from bot.cli.console import print_json, print_result, print_status, progress_bar
from bot.cli.errors import CommandRefusedError
from bot.cli.requests.given import given_song
from bot.commands.grammar import field_description

if TYPE_CHECKING:
    from composer.pipeline import OnStage
    from composer.planning.files.given import GivenSong
    from composer.request import ComposeRequest, Format
    from composer.result import Rendition
    from midi_data.song import Song

FORMATS = ("mid", "wav", "mp3", "ogg", "png", "mp4", "stems", "musicxml")
DEFAULT_FORMATS = ("mid", "mp3", "png")
MAX_SONGS = 1000
BATCH = 64
"""Songs that are composed together before they are rendered."""


@dataclass(frozen=True, slots=True)
class FileInputs:
    """Songs from files: one to continue, one to imitate, one of which some parts are kept."""

    primer: Song | None
    like: Song | None
    given: GivenSong | None


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
    variation: Annotated[str | None, typer.Option(help=field_description("variation"))] = None,
    primer: Annotated[Path | None, typer.Option(help="A MIDI file to continue.")] = None,
    replace: Annotated[
        str | None,
        typer.Option(help="Parts of the --primer file to compose anew, e.g. bass; the others keep every note."),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(help="A MIDI file whose band, chords, form and style are taken over, without its notes."),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="The network to compose with (default: the shipped one, or the genre's own).")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("songs"),
    format_: Annotated[
        list[str] | None, typer.Option("--format", help="mid, wav, mp3, ogg, png, mp4, stems or musicxml; may repeat.")
    ] = None,
    stems: Annotated[bool, typer.Option("--stems", help="Also write one WAV a part, in a ZIP archive.")] = False,
    count: Annotated[int, typer.Option(help="Number of songs, each with its own seed.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a song, one a line.")] = False,
    device: Annotated[
        str, typer.Option(envvar="RIFFBIRD_DEVICE", help="auto, cpu or cuda: where the network runs.")
    ] = "auto",
    backend: Annotated[
        str, typer.Option(help="auto, numpy, onnxruntime or torch: what computes it; the same songs.")
    ] = "auto",
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
        "variation": variation,
    }
    select_device(backend, device)
    if primer and like:
        raise CommandRefusedError("a song has one of --primer and --like, not both")
    request, notices, named = read_request(text, fields, available_genres(checkpoint))
    formats = read_formats(format_, stems=stems)
    primer_song, like_song = (_read_file(path) for path in (primer, like))
    if like_song and "genre" not in named:
        request = _in_genre_of(like_song, request, checkpoint)
    requests = with_seeds(request, count)
    given = given_song(primer_song, replace, request)
    inputs = FileInputs(None if given else primer_song, like_song, given)
    for number, rendition in enumerate(_compose(requests, out, formats, checkpoint, inputs)):
        shown = [*(notices if number == 0 else []), *rendition.notices]
        _show(rendition.model_copy(update={"notices": shown}), as_json=as_json)


def select_device(backend: str, device: str) -> None:
    """Compose by ``backend`` on ``device``. Raises ``RefusedError`` where it is not to be had."""
    from composer.model.arithmetic.backends import BackendName, DeviceName, select_backend

    for option, value, kind in (("--device", device, DeviceName), ("--backend", backend, BackendName)):
        if value not in get_args(kind):
            raise CommandRefusedError(f"{option} is one of {', '.join(get_args(kind))}, not {value!r}")
    select_backend(cast("BackendName", backend), cast("DeviceName", device))


def available_genres(checkpoint: Path | None) -> dict[str, str]:
    """Spellings of the genres on offer: all, or those of a named ``checkpoint``."""
    from composer.genre_store import custom_genre_names, spellings

    known = spellings()
    if checkpoint is None:
        return known
    from composer.pipeline import composer_for

    custom = set(custom_genre_names())
    trained = composer_for(checkpoint).checkpoint.header.genres
    return {each: name for each, name in known.items() if name not in custom} | {name: name for name in trained}


def read_request(
    text: str, fields: dict[str, str | None], genres: dict[str, str]
) -> tuple[ComposeRequest, list[str], frozenset[str]]:
    """The request in ``text``, overridden by flags, its notices and the names of the fields that were given.

    Raises ``CommandRefusedError`` with the rule and the value.
    """
    from bot.commands.parser import request_from

    parsed = request_from(text, fields, genres=genres)
    if parsed.kind in ("compose", "refused") and parsed.request is None:
        raise CommandRefusedError(parsed.refusal or "this cannot be composed")
    if parsed.request is None:
        raise CommandRefusedError(
            f"{text!r} is /{parsed.kind}, not a request for a song (see: riffbird --help, riffbird genres)"
        )
    return parsed.request, list(parsed.notices), frozenset(parsed.fields)


def read_formats(given: list[str] | None, *, stems: bool = False) -> list[Format]:
    """The requested formats, each once. Raises ``CommandRefusedError`` for an unknown one."""
    for name in given or ():
        if name not in FORMATS:
            raise CommandRefusedError(f"--format is one of {', '.join(FORMATS)}, not {name!r}")
    return list(dict.fromkeys([*(given or DEFAULT_FORMATS), *(("stems",) if stems else ())]))


def with_seeds(request: ComposeRequest, count: int) -> list[ComposeRequest]:
    """``count`` requests: with the given seed and the following ones, or with a drawn seed each."""
    if not 1 <= count <= MAX_SONGS:
        raise CommandRefusedError(f"--count is 1 to {MAX_SONGS}, not {count}")
    from composer.request import HIGHEST_SEED

    if request.seed is None:
        return [request] * count
    return [request.model_copy(update={"seed": (request.seed + n) % (HIGHEST_SEED + 1)}) for n in range(count)]


def _read_file(path: Path | None) -> Song | None:
    from midi_data.io.midi_file import read_midi

    return read_midi(path) if path else None


def _in_genre_of(song: Song, request: ComposeRequest, checkpoint: Path | None) -> ComposeRequest:
    from composer.pipeline import in_genre_of

    return in_genre_of(song, request, checkpoint)


def _compose(
    requests: list[ComposeRequest],
    out: Path,
    formats: list[Format],
    checkpoint: Path | None,
    inputs: FileInputs,
) -> list[Rendition]:
    from composer.pipeline import compose_all

    done: list[Rendition] = []
    with progress_bar() as bar:
        task = bar.add_task("composing", total=1.0, note="") if bar else None
        for first in range(0, len(requests), BATCH):
            group = requests[first : first + BATCH]

            def on_stage(stage: str, share: float, first: int = first, size: int = len(group)) -> None:
                if bar and task is not None:
                    within = share / 2 if stage == "composing" else 0.5 + share / 2
                    bar.update(task, description=stage, completed=(first + within * size) / len(requests))

            callback: OnStage = on_stage
            last = first + BATCH >= len(requests)
            done += compose_all(
                group, out, formats, checkpoint=checkpoint, primer=inputs.primer, like=inputs.like, given=inputs.given,
                progress=callback, last=last,
            )  # fmt: skip
    return done


def _show(rendition: Rendition, *, as_json: bool) -> None:
    if as_json:
        print_json(rendition.model_dump(mode="json"))
        return
    for notice in rendition.notices:
        print_status(notice)
    title = rendition.title or "Untitled"
    print_result(
        f"{title}: {rendition.genre}, {rendition.tempo_bpm:g} BPM, {rendition.key}, {rendition.bars} bars, "
        f"{rendition.duration_seconds:.1f} s, {rendition.notes} notes, seed {rendition.seed}"
    )
    for part in rendition.parts:
        print_result(f"  {part.name}: {part.notes} notes")
    for path in rendition.files.values():
        print_result(f"  {path}")
