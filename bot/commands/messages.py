"""Every sentence that the band posts. Short, friendly, and within the limit of where it is posted by construction.

Each function takes ``limit`` and ``measure``, the network's own way to count; left out, both are X's. What strangers
wrote goes through `bot.commands.titles` first: no links, nobody called, no blocked word. Deliberately knows no
network by name
and no internals: a failure is an apology, not a traceback.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from bot.commands.genre_names import GenreBook
from bot.commands.grammar import as_command
from bot.commands.text_length import X_LENGTH, Measure, fit, longest_length, weighted_length
from bot.commands.titles import UNTITLED, public_line, public_title
from composer.request import ComposeRequest
from composer.result import Rendition

__all__ = ["Measure", "fit", "longest_length", "weighted_length"]

X_ALT_TEXT_LENGTH = 1000
TITLE_SHOWN = 80

# The longest that fits is said.
_FULL_HELP = """\
I am a band, and an LSTM. Tweet at me like this: Dancing robots /compose /g heavy-metal /t 160 /r 0.2
/g genre, or a blend like metal:0.7+jazz:0.3
/t tempo, 40–300
/r randomness, 0 careful to 1 wild
/l length in seconds, 10–140
/i instruments, like drums,bass,lead guitar
/k key, like Dm
/s seed, repeats a song exactly
/e sample in embedding space
/genres lists what I play. /again, as a reply to a song, plays it anew. stop, and you hear no more of me."""
_TWEET_HELP = """\
Tweet at me: Dancing robots /compose /g heavy-metal /t 160
/g genre or blend metal+jazz
/t tempo 40–300
/r randomness 0–1
/l seconds 10–140
/i drums,bass,guitar
/k key Dm
/s seed
/e embedding sampling
/genres · /again (reply to a song) · stop"""
_SHORT_HELP = "Try: Dancing robots /compose /g metal /t 160 /r 0.2. More: /genres, /again, stop."
_HELP = (_FULL_HELP, _TWEET_HELP, _SHORT_HELP, "Try: Robots /compose /g metal")
_STOP = "Understood: I won't answer you again. Thank you for listening."
_APOLOGY = "Sorry, the band dropped its sticks: this song did not come out, and that is our fault. Please try again."
_NOTHING_TO_REPEAT = "Reply with /again to one of my songs, and I play it anew. I don't know which one you mean."
_ONE_WAITING = "Your other song is still on its way. One at a time, please!"


def song_reply(
    rendition: Rendition,
    request: ComposeRequest | None = None,
    notices: Iterable[str] = (),
    *,
    limit: int = X_LENGTH,
    measure: Measure = longest_length,
) -> str:
    """The finished song: what it is, what was clamped, its seed and the words that repeat it.

    Where room is short, the words to repeat it shrink to the seed, then the last notices go.
    """
    head, told = _facts(rendition), [public_line(text) for text in dict.fromkeys([*notices, *rendition.notices])]
    for count in range(len(told), -1, -1):
        for repeat in _repeats(rendition, request):
            text = "\n".join([head, *told[:count], repeat])
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
    """Ways to say how the song is repeated, the fullest first. The title stands above already."""
    hints = [f"To repeat it, add /s {rendition.seed}.", f"Seed {rendition.seed}."]
    if request is None:
        return hints
    exact = request.model_copy(update={"seed": rendition.seed})
    return [f"Repeat it: {as_command(exact, title=False)}", *hints]


def alt_text(rendition: Rendition, *, limit: int = X_ALT_TEXT_LENGTH, measure: Measure = len) -> str:
    """The song in words, for who does not see or hear it."""
    players = Counter(public_line(part.name).lower() for part in rendition.parts if part.notes)
    band = _listed([name if count == 1 else f"{count} × {name}" for name, count in players.items()]) or "nobody"
    title = fit(public_title(rendition.title), TITLE_SHOWN)
    key = f", in {public_line(rendition.key)}" if rendition.key else ""
    text = (
        f"Piano roll of {f'“{title}”' if title != UNTITLED else 'a song'}, {public_line(rendition.genre)} at "
        f"{rendition.tempo_bpm:.4g} beats a minute{key}. {band.capitalize()} play {rendition.notes} notes in "
        f"{rendition.bars} bars, {duration_text(round(rendition.duration_seconds))} long. Composed by a neural network."
    )
    return fit(text, limit, measure)


def help_reply(*, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """How to ask for a song, as fully as fits."""
    return next((text for text in _HELP if measure(text) <= limit), fit(_HELP[-1], limit, measure))


def genres_reply(
    names: Sequence[str] | None = None, *, limit: int = X_LENGTH, measure: Measure = longest_length
) -> str:
    """What the band plays: all of ``names`` (the shipped genres by default), or as many as fit and how many more."""
    names = GenreBook().names if names is None else names
    full = f"I play {_listed(names)}. Blend them: /g {names[0]}:0.7+{names[-1]}:0.3" if len(names) > 1 else ""
    shorter = (f"I play {', '.join(names[:n])} and {len(names) - n} more." for n in range(len(names) - 1, 0, -1))
    ways = [text for text in (full, f"I play {_listed(names)}.") if text]
    return next((text for text in (*ways, *shorter) if measure(text) <= limit), fit(ways[-1], limit, measure))


def refusal_reply(refusal: str, *, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """A refusal as it may be posted: the parser's sentence, since it quotes a stranger."""
    return fit(public_line(refusal), limit, measure)


def queued_reply(
    position: int, wait_seconds: float | None = None, *, limit: int = X_LENGTH, measure: Measure = longest_length
) -> str:
    """Where a song waits: ``position`` 1 is next."""
    wait = f", about {duration_text(wait_seconds)}" if wait_seconds else ""
    where = "You are next" if position <= 1 else f"{position - 1} before you"
    return fit(f"The band is on it. {where}{wait}.", limit, measure)


def queue_full_reply(wait_seconds: float, *, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """Too many songs wait for anybody's to be taken."""
    text = f"The rehearsal room is full. Please ask again in {duration_text(wait_seconds)}."
    return fit(text, limit, measure)


def cooldown_reply(wait_seconds: float, *, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """One person's songs come too fast."""
    return fit(f"The band needs a breath. Your next song in {duration_text(wait_seconds)}?", limit, measure)


def too_many_reply(songs_a_day: int, *, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """One person had all songs of the day."""
    songs = "1 song" if songs_a_day == 1 else f"{songs_a_day} songs"
    return fit(f"{songs} a day is all I play for one person. See you tomorrow!", limit, measure)


def one_waiting_reply(*, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """One person's earlier song is not finished yet."""
    return fit(_ONE_WAITING, limit, measure)


def nothing_to_repeat_reply(*, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """``/again`` without a song that it answers."""
    return fit(_NOTHING_TO_REPEAT, limit, measure)


def apology_reply(*, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """A song failed by our fault."""
    return fit(_APOLOGY, limit, measure)


def stop_reply(*, limit: int = X_LENGTH, measure: Measure = longest_length) -> str:
    """The last thing said to somebody who asked us to stop, where it is said at all."""
    return fit(_STOP, limit, measure)


def duration_text(seconds: float) -> str:
    """``seconds`` as people say it, rounded up to a whole unit: ``45 seconds``, ``2 minutes``, ``3 hours``."""
    for size, unit in ((3600, "hour"), (120, "minute"), (1, "second")):
        if seconds >= size:
            count = -int(-seconds // (60 if unit == "minute" else size))
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "a moment"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
