"""What is known of a Matrix room, and when it is asked anew."""

from typing import Any

import pytest

from bot.networks.matrix.rooms import KEPT_SECONDS, Rooms
from tests.bot.fakes.server import TestClock

ROOM = "!a:localhost"


class Server:
    """Answers for one room that changes."""

    def __init__(self) -> None:
        self.members = ["@band:localhost", "@ada:localhost"]
        self.rule = "invite"

    def get(self, path: str, _query: dict[str, str]) -> dict[str, Any]:
        if path.endswith("joined_members"):
            return {"joined": {member: {} for member in self.members}}
        return {"join_rule": self.rule}


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def clock() -> TestClock:
    return TestClock(0.0)


@pytest.fixture
def rooms(server: Server, clock: TestClock) -> Rooms:
    return Rooms(server.get, clock)


def test_a_room_of_three_by_invitation_is_neither_private_nor_public(rooms: Rooms, server: Server) -> None:
    server.members.append("@bo:localhost")
    facts = rooms.facts(ROOM)
    assert (facts.is_private, facts.is_public) == (False, False)


@pytest.mark.parametrize("kind", ["m.room.member", "m.room.join_rules"])
def test_what_is_known_ends_with_a_change_of_the_room(rooms: Rooms, server: Server, kind: str) -> None:
    assert rooms.facts(ROOM).is_private
    server.members.append("@bo:localhost")
    server.rule = "public"
    rooms.learn(ROOM, [{"type": "m.room.message"}, {"type": ["odd"]}])
    assert rooms.facts(ROOM).is_private
    rooms.learn(ROOM, [{"type": kind}])
    facts = rooms.facts(ROOM)
    assert (facts.is_private, facts.is_public) == (False, True)


def test_what_is_known_ends_with_time(rooms: Rooms, server: Server, clock: TestClock) -> None:
    assert rooms.facts(ROOM).is_private
    server.members.append("@bo:localhost")
    clock.sleep(KEPT_SECONDS + 1)
    assert not rooms.facts(ROOM).is_private


def test_a_room_that_answers_nothing_is_not_public(clock: TestClock) -> None:
    facts = Rooms(lambda _path, _query: {}, clock).facts(ROOM)
    assert (facts.is_private, facts.is_public) == (False, False)
