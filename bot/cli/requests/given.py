"""``--replace``: some parts of a MIDI file composed anew, the others kept note for note."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cli.errors import CommandRefusedError

if TYPE_CHECKING:
    from composer.planning.files.given import GivenSong
    from composer.request import ComposeRequest
    from midi_data.song import Song


def given_song(song: Song | None, parts: str | None, request: ComposeRequest) -> GivenSong | None:
    """``song`` with the tracks that ``parts`` names to be replaced; ``None`` without ``--replace``.

    Raises ``CommandRefusedError`` without a file, ``RefusedError`` for a part that the file does not have.
    """
    if parts is None:
        return None
    if song is None:
        raise CommandRefusedError("--replace names parts of the file given by --primer, and there is none")
    from bot.commands.revising.part_names import named_parts
    from composer.planning.files.given import GivenSong
    from composer.result import PartFacts
    from midi_data.general_midi import instrument_name

    genre = max(request.genres, key=lambda name: request.genres[name])
    facts = [
        PartFacts(
            name=track.name or instrument_name(track.program, track.is_drum),
            program=track.program, is_drum=track.is_drum, notes=len(track.notes),
        )
        for track in song.tracks
    ]  # fmt: skip
    numbers = named_parts(parts, facts, genre)
    if all(number in numbers for number, part in enumerate(facts) if part.notes):
        raise CommandRefusedError(f"--replace keeps at least one part, and {parts!r} names all of them")
    return GivenSong(song, numbers)
