"""The texts that the bot posts, each within the limit of the network it is posted on.

Each function takes ``limit`` and ``measure``, the network's way to count; the defaults are X's. Typed text goes through
`bot.commands.titles` first: no links, no mentions, no blocked word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from bot.commands.fields import as_command
from bot.commands.genre_names import GenreNames
from bot.commands.grammar import WORDS, CommandWord
from bot.commands.text_length import X_LENGTH, Measure, fit, longest_length, weighted_length
from bot.commands.titles import UNTITLED, public_line, public_title
from composer.request import ComposeRequest
from composer.result import Rendition

__all__ = ["Measure", "fit", "longest_length", "weighted_length"]

X_ALT_TEXT_LENGTH = 1000
TITLE_SHOWN = 80


def _full_line(word: CommandWord) -> str:
    example = "" if word.flag_value else f", like {word.examples[-1]}"
    return f"/{word.names[0]} {word.meaning}{example}"


def _brief_line(word: CommandWord) -> str:
    return f"/{word.names[0]} {word.brief}"


_FULL_HELP = "\n".join([
    "I am a band, and an LSTM. Tweet at me like this: Dancing robots /compose /g heavy-metal /t 160 /r 0.2",
    *map(_full_line, WORDS),
    "In reply to a song: /again plays it anew, /vary keeps its plan, /extend goes on, /replace bass changes one part.",
    "/genres lists what I play. stop, and you get no more replies.",
])  # fmt: skip
_TWEET_HELP = "\n".join([
    "Tweet at me: Dancing robots /compose /g heavy-metal /t 160",
    *map(_brief_line, WORDS),
    "/again /vary /extend /replace bass: reply to a song",
    "/genres · stop",
])  # fmt: skip
_SHORT_HELP = "Try: Dancing robots /compose /g metal /t 160 /r 0.2. More: /genres, /again, stop."
_HELP = (_FULL_HELP, _TWEET_HELP, _SHORT_HELP, "Try: Robots /compose /g metal")
"""The longest that fits is used."""
_STOP = "Understood: you get no more replies from me. Write start if you change your mind."
_START = "Welcome back: I answer you again. /help shows how."
_UNPLAYABLE = "Your song is finished, but this network does not accept its file. Sorry! A shorter one may work: /l 30"
_APOLOGY = "Sorry, the band dropped its sticks: this song did not come out, and that is our fault. Please try again."
_NOTHING_TO_REPEAT = "Reply with that to one of my songs, and I work on it. I don't know which one you mean."
_ONE_WAITING = "Your other song is still on its way. One at a time, please!"


def song_reply(
    rendition: Rendition,
    request: ComposeRequest | None = None,
    notices: Iterable[str] = (),
    *,
    repeat: str = "",
    limit: int = X_LENGTH,
    measure: Measure = longest_length,
) -> str:
    """Title, facts, notices, seed and the words that repeat the song; ``repeat``: those of a song with given notes.

    Too long a text first shortens the words that repeat it to the seed, then drops the last notices.
    """
    head, shown = _facts(rendition), [public_line(text) for text in dict.fromkeys([*notices, *rendition.notices])]
    for count in range(len(shown), -1, -1):
        for hint in [f"Repeat it: {public_line(repeat)}"] if repeat else _repeats(rendition, request):
            text = "\n".join([head, *shown[:count], hint])
            if measure(text) <= limit:
                return text
    seed = f"Seed {rendition.seed}"
    return "\n".join([fit(head, limit - measure(seed) - 1, measure), seed]) if measure(seed) < limit else ""


def _facts(rendition: Rendition) -> str:
    title = fit(public_title(rendition.title), TITLE_SHOWN)
    name = f"“{title}”" if title != UNTITLED else title.capitalize()
    key = f", {public_line(rendition.key)}" if rendition.key else ""
    seconds = round(rendition.duration_seconds)
    return f"{name}: {public_line(rendition.genre)}, {rendition.tempo_bpm:.4g} bpm{key}, {seconds} s."


def _repeats(rendition: Rendition, request: ComposeRequest | None) -> list[str]:
    """Texts that say how to repeat the song, the longest first. The title stands above them."""
    hints = [f"To repeat it, add /s {rendition.seed}.", f"Seed {rendition.seed}."]
    if request is None:
        return hints
    exact = request.model_copy(update={"seed": rendition.seed})
    return [f"Repeat it: {as_command(exact, title=False)}", *hints]


def alt_text(rendition: Rendition, *, limit: int = X_ALT_TEXT_LENGTH, measure: Measure = len) -> str:
    """Description of the picture and the song for screen readers."""
    players = Counter(public_line(part.name).lower() for part in rendition.parts if part.notes)
    band = _listed([name if count == 1 else f"{count} × {name}" for name, count in players.items()]) or "no instrument"
    title = fit(public_title(rendition.title), TITLE_SHOWN)
    key = f", in {public_line(rendition.key)}" if rendition.key else ""
    text = (
        f"Piano roll of {f'“{title}”' if title != UNTITLED else 'a song'}, {public_line(rendition.genre)} at "
        f"{rendition.tempo_bpm:.4g} beats a minute{key}. {band.capitalize()} play {rendition.notes} notes in "
        f"{rendition.bars} bars, {duration_text(round(rendition.duration_seconds))} long. Composed by a neural network."
    )
    return fit(text, limit, measure)


def help_reply(*, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """How to ask for a song: the longest help text that fits."""
    return next((text for text in _HELP if measure(text) <= limit), fit(_HELP[-1], limit, measure))


def genres_reply(
    names: Sequence[str] | None = None, *, limit: int = X_LENGTH, measure: Measure = longest_length
) -> str:
    """All of ``names`` (by default the shipped genres), or as many as fit and the number of the others."""
    names = GenreNames().names if names is None else names
    full = f"I play {_listed(names)}. Blend them: /g {names[0]}:0.7+{names[-1]}:0.3" if len(names) > 1 else ""
    shorter = (f"I play {', '.join(names[:n])} and {len(names) - n} more." for n in range(len(names) - 1, 0, -1))
    texts = [text for text in (full, f"I play {_listed(names)}.") if text]
    return next((text for text in (*texts, *shorter) if measure(text) <= limit), fit(texts[-1], limit, measure))


def refusal_reply(refusal: str, *, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """A refusal by the parser, moderated since it quotes typed text."""
    return fit(public_line(refusal), limit, measure)


def queued_reply(
    position: int, wait_seconds: float | None = None, *, limit: int = X_LENGTH, measure: Measure = longest_length
) -> str:
    """Position in the queue (1 is next) and expected wait."""
    wait = f", about {duration_text(wait_seconds)}" if wait_seconds else ""
    where = "You are next" if position <= 1 else f"{position - 1} before you"
    return fit(f"The band is on it. {where}{wait}.", limit, measure)


def queue_full_reply(wait_seconds: float, *, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """The queue is full."""
    text = f"The rehearsal room is full. Please ask again in {duration_text(wait_seconds)}."
    return fit(text, limit, measure)


def cooldown_reply(wait_seconds: float, *, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """The cooldown of one person is not over."""
    return fit(f"The band needs a breath. Your next song in {duration_text(wait_seconds)}?", limit, measure)


def too_many_reply(songs_a_day: int, *, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """One person has reached the songs of a day."""
    songs = "1 song" if songs_a_day == 1 else f"{songs_a_day} songs"
    return fit(f"{songs} a day is all I play for one person. See you tomorrow!", limit, measure)


def one_waiting_reply(*, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """One person's earlier song still waits."""
    return fit(_ONE_WAITING, limit, measure)


def nothing_to_repeat_reply(*, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """``/again``, ``/vary``, ``/extend`` or ``/replace`` that replies to no song of the bot."""
    return fit(_NOTHING_TO_REPEAT, limit, measure)


def apology_reply(*, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """The song failed by a fault of the service."""
    return fit(_APOLOGY, limit, measure)


def stop_reply(*, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """Confirms an opt-out, once."""
    return fit(_STOP, limit, measure)


def start_reply(*, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """Confirms that an opt-out was taken back."""
    return fit(_START, limit, measure)


def unplayable_reply(*, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """The reply to a finished song whose files the network does not accept."""
    return fit(_UNPLAYABLE, limit, measure)


def duration_text(seconds: float) -> str:
    """``seconds`` in words, rounded up to a unit: ``45 seconds``, ``2 minutes``, ``3 hours``."""
    for size, unit in ((3600, "hour"), (120, "minute"), (1, "second")):
        if seconds >= size:
            count = -int(-seconds // (60 if unit == "minute" else size))
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "a moment"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
