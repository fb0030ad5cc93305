"""Revisions: the requests of ``/again``, ``/vary``, ``/extend`` and ``/replace`` from a song and the words of a reply.

Networks and API call `revise`; its refusals name the rule and the value in one line.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.commands.grammar import PARTS_FIELD, REVISION_VERBS, WORD_BY_FIELD, RevisionVerb
from bot.commands.numbers import number_text
from bot.commands.parser import ParsedText, changed
from bot.commands.revising.differences import difference
from bot.commands.revising.part_names import named_parts
from bot.commands.text import quoted
from composer.errors import RefusedError
from composer.request import LENGTH_RANGE_SECONDS, ComposeRequest
from composer.result import Rendition

EXTENSION_SECONDS = 30.0
DRAWN_VARIATIONS = 9999
_NO_PLAN = "/vary needs the song's plan, and this one was planned from a file, which is not kept."
KEPT_BY_ALL = ("genre", "tempo", "band", "key", "chords", "seed")
"""Fields that only ``/again`` changes: a song with another plan shares no notes or chart with the first."""
KEPT: Mapping[str, tuple[str, ...]] = {
    "again": (), "vary": (*KEPT_BY_ALL, "length"), "extend": KEPT_BY_ALL, "replace": (*KEPT_BY_ALL, "length"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RevisedRequest:
    """What a reply asks for. ``parsed``: kind ``compose`` with the new request, or ``refused``.

    ``difference``: one line that says what is different. ``replaced``: numbers of the parts to compose anew, in the
    order of ``Rendition.parts``.
    """

    parsed: ParsedText
    difference: str = ""
    replaced: tuple[int, ...] = ()


def revision_verb(parsed: ParsedText) -> RevisionVerb | None:
    """The verb of a text that works on another song; ``None`` for other texts."""
    return next((verb for verb in REVISION_VERBS if verb == parsed.kind), None)


def revise(
    verb: RevisionVerb,
    song: ComposeRequest,
    changes: ParsedText,
    facts: Rendition | None = None,
    *,
    from_file: bool = False,
    genres: Mapping[str, str] | None = None,
) -> RevisedRequest:
    """The revision of a ``song`` with its seed. ``facts``: of the finished song, which ``/replace`` needs.

    ``from_file``: the song's plan came from an uploaded file.
    """
    if from_file and verb == "vary":
        return RevisedRequest(replace(changes, kind="refused", refusal=_NO_PLAN))
    try:
        return _REVISIONS[verb](song, changes, facts, genres)
    except RefusedError as refused:
        return RevisedRequest(replace(changes, kind="refused", refusal=str(refused)))


def remix(song: ComposeRequest, facts: Rendition | None, parsed: ParsedText) -> RevisedRequest:
    """The revision of a reply that has a whole request of its own."""
    return RevisedRequest(parsed, difference(song, facts, parsed.request) if parsed.request else "")


def _again(
    song: ComposeRequest, changes: ParsedText, facts: Rendition | None, genres: Mapping[str, str] | None
) -> RevisedRequest:
    parsed = changed(song, changes, without=("seed", "variation"), genres=genres)
    return RevisedRequest(parsed, difference(song, facts, parsed.request) if parsed.request else "")


def _vary(
    song: ComposeRequest, changes: ParsedText, facts: Rendition | None, genres: Mapping[str, str] | None
) -> RevisedRequest:
    parsed = _with_new_notes("vary", song, changes, genres)
    return RevisedRequest(parsed, _joined("same plan, new notes", song, facts, parsed))


def _extend(
    song: ComposeRequest, changes: ParsedText, facts: Rendition | None, genres: Mapping[str, str] | None
) -> RevisedRequest:
    _check_notes("extend", facts)
    longest = LENGTH_RANGE_SECONDS[1]
    if song.length_seconds >= longest:
        raise RefusedError(f"A song lasts at most {longest:g} seconds, and this one does already.")
    length = number_text(min(song.length_seconds + EXTENSION_SECONDS, longest))
    longer = replace(changes, fields={"length": length} | dict(changes.fields))
    parsed = _with_new_notes("extend", song, longer, genres)
    if parsed.request is None:
        return RevisedRequest(parsed)
    added = parsed.request.length_seconds - song.length_seconds
    if added <= 0:
        raise RefusedError(
            f"/extend makes a song longer than its {song.length_seconds:g} seconds, "
            f"not {parsed.request.length_seconds:g}."
        )
    same_length = parsed.request.model_copy(update={"length_seconds": song.length_seconds})
    rest = difference(song, facts, same_length, seed=False)
    return RevisedRequest(parsed, ", ".join(filter(None, [f"goes on for {added:g} more seconds", rest])))


def _replace(
    song: ComposeRequest, changes: ParsedText, facts: Rendition | None, genres: Mapping[str, str] | None
) -> RevisedRequest:
    facts = _check_notes("replace", facts)
    genre = max(song.genres, key=lambda name: song.genres[name])
    numbers = named_parts(changes.fields.get(PARTS_FIELD, ""), facts.parts, genre)
    if len(numbers) == len(facts.parts):
        raise RefusedError("/replace keeps at least one part: /vary composes all of them anew.")
    names = [facts.parts[number].name.lower() for number in numbers]
    parsed = _with_new_notes("replace", song, changes, genres)
    return RevisedRequest(parsed, _joined(f"new {_listed(names)}", song, facts, parsed), numbers)


def _check_notes(verb: RevisionVerb, facts: Rendition | None) -> Rendition:
    if facts is None:
        raise RefusedError(f"/{verb} needs the song's notes, and they are gone: /again plays it anew.")
    return facts


def _with_new_notes(
    verb: RevisionVerb, song: ComposeRequest, changes: ParsedText, genres: Mapping[str, str] | None
) -> ParsedText:
    """``song`` with the fields that ``verb`` may change, and a variation of its own."""
    for name in KEPT[verb]:
        if changes.fields.get(name, "").strip():
            word = f"/{WORD_BY_FIELD[name].names[0]} {changes.fields[name]}"
            raise RefusedError(f"/{verb} keeps the song's {name}: write /again with {quoted(word)} to change it.")
    drawn = {"variation": str(_other_variation(song.variation))}
    made = changed(song, replace(changes, fields=drawn | dict(changes.fields)), genres=genres)
    if made.request is None:
        return made
    chart = song.chart_seconds or (song.length_seconds if verb == "extend" else None)
    return replace(made, request=made.request.model_copy(update={"chart_seconds": chart}))


def _other_variation(present: int) -> int:
    """A variation other than ``present``, of at most four digits."""
    drawn = 1 + secrets.randbelow(DRAWN_VARIATIONS)
    return drawn if drawn != present else drawn % DRAWN_VARIATIONS + 1


def _joined(first: str, song: ComposeRequest, facts: Rendition | None, parsed: ParsedText) -> str:
    if parsed.request is None:
        return ""
    return ", ".join(filter(None, [first, difference(song, facts, parsed.request, seed=False)]))


def _listed(names: Sequence[str]) -> str:
    plain = [re.sub(r"\s*\(.*?\)", "", name) for name in names]
    return " and ".join(filter(None, [", ".join(plain[:-1]), *plain[-1:]]))


_REVISIONS = {"again": _again, "vary": _vary, "extend": _extend, "replace": _replace}
