"""A load at X: five hundred mentions and messages by a hundred people, and what each of them may expect.

Every wave is written by people who also see the band's earlier replies. The expectation is set down when a post is
written, by this module's own table, not by asking the bot.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tests.bot.fakes.x import BAND, FakeX, Message, Post

Due = Literal["song", "words", "silence"]
GENRES = {
    "metal": "heavy-metal",
    "heavy-metal": "heavy-metal",
    "Jazz": "jazz",
    "BLUES": "blues",
    "pop": "pop",
    "irish": "folk",
    "baroque": "classical",
    "chiptune": "game",
    "rock_n_roll": "rock",
}
TITLES = (
    "Dancing robots",
    "🤖🔥 Robots 🕺🏽",
    "روبوتات راقصة",
    "רובוטים רוקדים",
    "踊るロボット",
    "Танцующие роботы",
    "ÅÄÖ & <b>bold</b>",
    "a\nb\tc",
    "👨‍👩‍👧‍👦 family",
)


@dataclass
class Asked:
    """One thing somebody wrote. ``ids`` are all versions of it; a reply to any of them answers it."""

    ids: list[str]
    due: Due
    genre: str = ""
    tempo: int = 0
    message: Message | None = None


@dataclass
class Load:
    fake: FakeX
    generator: random.Random = field(default_factory=lambda: random.Random(11))
    requests: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.people = [self.fake.person(f"fan{index}", "I like music") for index in range(97)]
        self.newcomers = self.people[:]
        self.robots = [self.fake.person(f"echo{index}", "Automated account by @somebody") for index in range(3)]
        self.strangers_post = self.fake.write(self.people[0], "what a day")

    def wave(self, size: int) -> None:
        """``size`` more things are written."""
        goal = len(self.requests) + size
        while len(self.requests) < goal:
            self._pick()(self.generator.choice(self.people))

    def _pick(self) -> Callable[[str], None]:
        table = {
            self._song: 50,
            self._edited: 5,
            self._reply_in_a_thread: 6,
            self._thanks: 6,
            self._again: 5,
            self._chatter: 6,
            self._own_post: 3,
            self._robot: 5,
            self._repost: 3,
            self._message: 2,
            self._unknown_genre: 4,
            self._help: 2,
            self._near_name: 3,
        }
        return self.generator.choices(list(table), list(table.values()))[0]

    def _words(self) -> tuple[str, str, int]:
        word = self.generator.choice(list(GENRES))
        tempo = self.generator.choice([60, 90, 120, 150, 180])
        title = self.generator.choice(TITLES)
        text = self.generator.choice(
            [
                f"@riffbird {title} /compose /g {word} /t {tempo}",
                f"hey @RiffBird, {title} ／compose ／t {tempo} ／g {word}",
                f"/compose /T {tempo} /genre {word} {title} @riffbird @fan1",
                f"\u202b@riffbird {title}\u202c\n/compose\n/g {word}\n/t {tempo} 🎸",
            ]
        )
        return text, GENRES[word], tempo

    def _add(self, post: Post, due: Due, genre: str = "", tempo: int = 0) -> Post:
        self.requests.append(Asked([post.id], due, genre, tempo))
        return post

    def _song(self, who: str) -> None:
        text, genre, tempo = self._words()
        self._add(self.fake.write(who, text), "song", genre, tempo)

    def _edited(self, who: str) -> None:
        """Written, edited once or twice; X shows the bot the latest version only, under a new id."""
        text, genre, tempo = self._words()
        first = self._add(self.fake.write(who, text), "song", genre, tempo)
        second = self.fake.edit(first, text + " !")
        self.requests[-1].ids.append(second.id)

    def late_edits(self, count: int) -> None:
        """Edits of requests that were answered already: no second song."""
        answered = [
            request for request in self.requests
            if request.due == "song" and len(request.ids) == 1 and request.message is None
        ]  # fmt: skip
        for request in self.generator.sample(answered, count):
            post = next(post for post in self.fake.posts if post.id == request.ids[0])
            request.ids.append(self.fake.edit(post, post.text + " (typo)").id)

    def _reply_in_a_thread(self, who: str) -> None:
        text, genre, tempo = self._words()
        self._add(self.fake.write(who, f"@fan0 {text}", self.strangers_post.id), "song", genre, tempo)

    def _thanks(self, who: str) -> None:
        self._add(self.fake.write(who, "@riffbird wow, thank you 🎉", self._a_song_of_ours()), "silence")

    def _again(self, who: str) -> None:
        song = self._a_song_of_ours()
        asked = next((request for request in self.requests if song and self._reply_of(request) == song), None)
        if asked is None:
            return
        self._add(self.fake.write(who, "@riffbird /again", song), "song", asked.genre, asked.tempo)

    def _chatter(self, who: str) -> None:
        self._add(self.fake.write(who, "I saw @riffbird play / compose live, and/or heard it"), "silence")

    def _own_post(self, _: str) -> None:
        self._add(self.fake.write(BAND, "@riffbird Selfie /compose /g metal"), "silence")

    def _robot(self, _: str) -> None:
        text, *_rest = self._words()
        self._add(self.fake.write(self.generator.choice(self.robots), text), "silence")

    def _repost(self, who: str) -> None:
        text, *_rest = self._words()
        self._add(self.fake.write(who, f"RT @fan3: {text}", self.strangers_post.id, "retweeted"), "silence")

    def _near_name(self, who: str) -> None:
        self._add(self.fake.write(who, "@riffbirdfan @riffbird_ /compose /g metal"), "silence")

    def _unknown_genre(self, _: str) -> None:
        who = self._newcomer()
        self._add(self.fake.write(who, "@riffbird Oompah /compose /g polka-core"), "words")

    def _newcomer(self) -> str:
        """Somebody who was told nothing yet: X refuses to say the same to the same person twice."""
        return self.newcomers.pop()

    def _help(self, _: str) -> None:
        who = self._newcomer()
        self._add(self.fake.write(who, "@riffbird /help"), "words")

    def _message(self, who: str) -> None:
        text, genre, tempo = self._words()
        message = self.fake.message(who, text.replace("@riffbird", ""))
        self.requests.append(Asked([message.id], "song", genre, tempo, message))

    # ------------------------------------------------------------------ what happened

    def _a_song_of_ours(self) -> str:
        songs = [post.id for post in self.fake.posts if post.author == BAND and post.media]
        return self.generator.choice(songs) if songs else ""

    def _reply_of(self, request: Asked) -> str:
        found = self.fake.replies_to(*request.ids)
        return found[0].id if found else ""

    def complaints(self) -> list[str]:
        """Everything that did not happen as it should: empty, if all is well."""
        found = [complaint for request in self.requests for complaint in self._complaints_of(request)]
        rightful = sum(request.due != "silence" for request in self.requests)
        posted = [
            post for post in self.fake.posts if post.author == BAND and not post.text.startswith("@riffbird Selfie")
        ]
        sent = [event for event in self.fake.messages if event.sender == BAND]
        if len(posted) + len(sent) != rightful:
            found.append(f"{len(posted)} posts and {len(sent)} messages for {rightful} rightful requests")
        return found + self.fake.violations

    def _complaints_of(self, request: Asked) -> list[str]:
        if request.message is not None:
            return self._complaints_in(request, request.message.conversation)
        replies = self.fake.replies_to(*request.ids)
        if len(replies) != (request.due != "silence"):
            return [f"{len(replies)} replies to {request}"]
        return self._media_complaints(request, replies[0].media) if request.due == "song" else []

    def _complaints_in(self, request: Asked, conversation: str) -> list[str]:
        asked = [other for other in self.requests if other.message and other.message.conversation == conversation]
        sent = self.fake.answers_in(conversation)
        if len(sent) != len(asked):
            return [f"{len(sent)} messages for {len(asked)} in {conversation}"]
        found = [self.fake.played(event.media) for event in sent]
        fits = any((played.genre, played.tempo_bpm) == (request.genre, request.tempo) for played in found)
        return [] if fits else [f"no message fits {request}"]

    def _media_complaints(self, request: Asked, media: list[str]) -> list[str]:
        if len(media) != 1:
            return [f"{len(media)} videos for {request}"]
        played = self.fake.played(media[0])
        fits = (played.genre, played.tempo_bpm) == (request.genre, request.tempo)
        return [] if fits else [f"{played} for {request}"]
