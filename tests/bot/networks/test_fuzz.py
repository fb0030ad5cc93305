# ruff: noqa: F401, F811  fixtures are imported by name
"""5,000 malformed events over all networks: nothing raises, every well-formed neighbour is accepted."""

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from bot.networks.matrix.client import MatrixNetwork
from bot.networks.protocol import Batch
from bot.run import Bot
from tests.bot.fakes.fixtures import clock, fake_mastodon, fake_x, harness, server_url
from tests.bot.fakes.harness import Harness, bot_settings
from tests.bot.fakes.mastodon import FakeMastodon
from tests.bot.fakes.mutations import mutated
from tests.bot.fakes.server import Call, Reply
from tests.bot.fakes.x import FakeX

EVENTS = 1250  # a network; four networks
PAGE = 40
ME = "@riffbird:localhost"


def mixed(make: Callable[[int], dict[str, Any]], seed: int) -> tuple[list[Any], set[int]]:
    """Malformed events with a well-formed one after every ninth; the numbers of the well-formed ones."""
    generator, events, good = random.Random(seed), [], set()
    for number in range(EVENTS):
        event = make(number)
        if number % 10 == 9:
            good.add(number)
        else:
            event = mutated(event, generator)
        events.append(event)
    return events, good


def accepted(bot: Bot, batch: Batch) -> None:
    bot.reader.store(batch, bot.clock.now(), since=0.0, in_doubt=False)


def assert_all_accepted(bot: Bot, ids: set[str]) -> None:
    assert len(ids) == EVENTS // 10
    assert {name for name in ids if bot.reply_store.find(name) is None} == set()


@pytest.mark.parametrize("seed", [1])
def test_malformed_posts_at_x_cost_no_neighbour(seed: int, harness: Harness, fake_x: FakeX) -> None:
    bot = harness.x_bot(fake_x)
    ada, now = fake_x.person("ada"), harness.clock.now()
    first = int(fake_x.new_id())

    def post(number: int) -> dict[str, Any]:
        fake_x.new_id()
        return {
            "id": str(first + number), "author_id": str(9000 + number), "text": "@riffbird /help", "created_at": None,
            "edit_history_tweet_ids": [str(first + number)], "note_tweet": {"text": "@riffbird /help"},
            "referenced_tweets": [{"type": "replied_to", "id": "5"}],
        }  # fmt: skip

    events, good = mixed(post, seed)
    users = [*mutated([fake_x.users[ada]] * 3, random.Random(seed)), fake_x.users[ada]]
    for begin in range(0, EVENTS, PAGE):
        page = {"data": events[begin : begin + PAGE], "includes": {"users": users}, "meta": {}}
        bot.network.client.get_users_mentions = lambda *_, page=page, **__: json.loads(json.dumps(page))
        accepted(bot, bot.network.mentions(None, now - 60))
    assert_all_accepted(bot, {str(first + number) for number in good})


@pytest.mark.parametrize("seed", [2])
def test_malformed_notifications_of_mastodon_cost_no_neighbour(
    seed: int, harness: Harness, fake_mastodon: FakeMastodon
) -> None:
    bot = harness.mastodon_bot(fake_mastodon)
    ada = fake_mastodon.person("ada")
    template = fake_mastodon._notification(1, fake_mastodon.write(ada, "@riffbird /help"))

    def notification(number: int) -> dict[str, Any]:
        event = copy.deepcopy(template)
        event["id"], event["status"]["id"] = f"01ULID{number:06}", f"status{number}"
        event["account"]["id"] = event["status"]["account"]["id"] = f"fan{number}"
        return event

    events, good = mixed(notification, seed)
    pages = [events[begin : begin + PAGE][::-1] for begin in range(0, EVENTS, PAGE)]

    def read(_: Call) -> Reply:
        return Reply(200, pages.pop(0) if pages else [])

    fake_mastodon.routes = [
        (method, pattern, read if "notifications" in pattern.pattern else handler, None)
        for method, pattern, handler, _ in fake_mastodon.routes
    ]
    cursor: str | None = "0"
    for _ in range(4):
        batch = bot.network.mentions(cursor)
        accepted(bot, batch)
        cursor = batch.cursor
    assert pages == []
    assert_all_accepted(bot, {f"status{number}" for number in good})


@pytest.mark.parametrize("seed", [3])
def test_malformed_events_of_matrix_cost_no_neighbour(seed: int, harness: Harness) -> None:
    settings = bot_settings(matrix_homeserver="http://127.0.0.1:9", matrix_user_id=ME, matrix_access_token="t")
    network = MatrixNetwork(settings, harness.clock)
    network.open = lambda: ME  # type: ignore[method-assign]
    bot = harness.bot(network, settings)

    def event(number: int) -> dict[str, Any]:
        return {
            "type": "m.room.message", "event_id": f"$event{number}", "sender": f"@fan{number}:localhost",
            "origin_server_ts": harness.clock.now() * 1000, "unsigned": {"age": 5},
            "content": {
                "msgtype": "m.text", "body": "@riffbird /help", "formatted_body": "<b>riffbird</b>",
                "m.mentions": {"user_ids": [ME]}, "m.new_content": {"msgtype": "m.text", "body": "x"},
                "m.relates_to": {"rel_type": "m.thread", "event_id": "$root", "m.in_reply_to": {"event_id": "$1"}},
            },
        }  # fmt: skip

    events, good = mixed(event, seed)
    rooms = {"!bad:localhost": {"timeline": 7}, "!odd:localhost": None, "!none:localhost": {"timeline": {"events": {}}}}
    pages = [events[begin : begin + PAGE] for begin in range(0, EVENTS, PAGE)]

    def get_json(path: str) -> Any:
        if "/sync" not in path:
            return {"joined": {"@a:x": {}, "@b:x": {}, ME: {}}} if "joined_members" in path else ["no", "object"]
        join = rooms | {"!good:localhost": {"timeline": {"events": pages.pop(0)}, "state": {"events": [None, 7]}}}
        return json.loads(json.dumps({"next_batch": "s1", "rooms": {"join": join, "invite": []}}))

    network.caller.get_json = get_json  # type: ignore[method-assign]
    while pages:
        accepted(bot, network.mentions("s0"))
    assert_all_accepted(bot, {f"$event{number}" for number in good})
    network.close()


def test_an_invitation_that_cannot_be_accepted_is_left_for_later_and_stops_nothing(harness: Harness) -> None:
    from bot.networks.protocol import ForbiddenError

    settings = bot_settings(matrix_homeserver="http://127.0.0.1:9", matrix_user_id=ME, matrix_access_token="t")
    network = MatrixNetwork(settings, harness.clock)
    tried = []

    def ask(call: Callable[..., Any], **_: object) -> None:
        tried.append(call)
        raise ForbiddenError("the homeserver answers M_FORBIDDEN: you are not invited")

    network.caller.ask = ask  # type: ignore[method-assign]
    invited = {"next_batch": "s1", "rooms": {"invite": {"!a:x": {}, "!b:x": {}}}}
    network.caller.get_json = lambda _: invited  # type: ignore[method-assign]
    for _ in range(3):
        assert network.mentions("s0").cursor == "s1"
    assert len(tried) == 2
    harness.clock.sleep(700)
    network.mentions("s0")
    assert len(tried) == 4
    network.close()
