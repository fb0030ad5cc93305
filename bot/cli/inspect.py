"""``riffbird inspect``: what the band reads in MIDI files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.console import say, say_json, table, tell
from bot.cli.errors import REFUSED
from bot.cli.piano_roll import piano_roll

CHORDS_SHOWN = 16


def inspect(
    files: Annotated[list[Path], typer.Argument(help="MIDI files.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file, one a line.")] = False,
) -> None:
    """Parts, tempos, meters, key and chords of each file, and everything that could not be read or kept."""
    from midi_data.errors import BadMidiError
    from midi_data.io.inspection import inspect_song, refused_file
    from midi_data.io.midi_file import read_midi

    failed = False
    for path in files:
        try:
            song = read_midi(path)
        except BadMidiError as error:
            failed = True
            if as_json:
                say_json(refused_file(path, error))
            else:
                tell(f"riffbird: {error}")
            continue
        facts = inspect_song(song, path)
        if as_json:
            say_json(facts)
        else:
            _show(facts)
            for line in piano_roll(song):
                say(line)
            say()
    if failed:
        raise typer.Exit(REFUSED)


def _show(facts: dict[str, Any]) -> None:
    """The facts of one file for people."""
    title = f" ({facts['title']})" if facts["title"] else ""
    say(f"{facts['file']}{title}")
    say(
        f"{facts['notes']} notes, {facts['bars']} bars, {facts['duration_seconds']:.1f} s, "
        f"{_few([f'{bpm:g}' for bpm in facts['tempos']], 4)} BPM, {_few(facts['meters'], 4)}, {facts['key']}"
    )
    for notice in facts["notices"]:
        say(f"! {notice}")
    table(
        ("part", "program", "kit", "notes", "first s", "last s"),
        [
            (p["name"], p["program"], p["kit"] or "", p["notes"], p["first_seconds"], p["last_seconds"])
            for p in facts["parts"]
        ],
    )
    say("chords: " + _few(facts["chords"], CHORDS_SHOWN, " | "))


def _few(values: list[str], most: int, between: str = ", ") -> str:
    return between.join(values[:most]) + (" …" if len(values) > most else "")
