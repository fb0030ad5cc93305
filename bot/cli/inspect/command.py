"""``riffbird inspect``: what the band reads in MIDI files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.console import print_json, print_result, print_status, print_table
from bot.cli.errors import REFUSED
from bot.cli.inspect.piano_roll import piano_roll

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
                print_json(refused_file(path, error))
            else:
                print_status(f"riffbird: {error}")
            continue
        facts = inspect_song(song, path)
        if as_json:
            print_json(facts)
        else:
            _show(facts)
            for line in piano_roll(song):
                print_result(line)
            print_result()
    if failed:
        raise typer.Exit(REFUSED)


def _show(facts: dict[str, Any]) -> None:
    """The facts of one file for people."""
    title = f" ({facts['title']})" if facts["title"] else ""
    print_result(f"{facts['file']}{title}")
    print_result(
        f"{facts['notes']} notes, {facts['bars']} bars, {facts['duration_seconds']:.1f} s, "
        f"{_few([f'{bpm:g}' for bpm in facts['tempos']], 4)} BPM, {_few(facts['meters'], 4)}, {facts['key']}"
    )
    for notice in facts["notices"]:
        print_result(f"! {notice}")
    print_table(
        ("part", "program", "kit", "notes", "first s", "last s"),
        [
            (p["name"], p["program"], p["kit"] or "", p["notes"], p["first_seconds"], p["last_seconds"])
            for p in facts["parts"]
        ],
    )
    print_result("chords: " + _few(facts["chords"], CHORDS_SHOWN, " | "))


def _few(values: list[str], most: int, between: str = ", ") -> str:
    return between.join(values[:most]) + (" …" if len(values) > most else "")
