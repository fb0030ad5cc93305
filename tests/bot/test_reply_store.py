# ruff: noqa: F401, F811  fixtures are imported by name
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.networks.protocol import Mention, job_id
from bot.rate_limits import Person
from bot.reply_store import ReplyStore
from bot.run import open_reply_store
from bot.state.network_records import AnsweredSong, utc_day
from bot.state.owed_reply import Claim, OwedReply
from tests.bot.fakes.fixtures import clock, harness, server_url
from tests.bot.fakes.harness import Harness
from worker.client import Moderation

NOW = 1_800_000_000.0


def mention(number: int = 1, author: str = "9") -> Mention:
    return Mention("x", str(number), str(number), author, "ada", "hello", NOW)


def song(asked: Mention) -> OwedReply:
    return OwedReply(asked, request={"title": "é 🎸"}, job=job_id("x", asked.interaction), notices=("clamped",))


@pytest.fixture
def reply_store(harness: Harness) -> ReplyStore:
    return harness.reply_store("x")


def accepted(reply_store: ReplyStore, asked: Mention, now: float = NOW) -> OwedReply:
    made = reply_store.accept(asked, lambda _: song(asked), now)
    assert made is not None
    return made


def test_an_owed_reply_is_read_as_it_was_written(reply_store: ReplyStore) -> None:
    made = accepted(reply_store, mention())
    assert reply_store.find("1") == made == song(mention())
    assert reply_store.due(NOW) == ["1"]


def test_a_repeated_mention_gets_the_first_owed_reply_and_counts_once(reply_store: ReplyStore) -> None:
    first = accepted(reply_store, mention())
    again = reply_store.accept(mention(), lambda _: pytest.fail("nothing is to be decided twice"), NOW + 1)
    assert again == first
    person = reply_store.person("9", "ada", NOW)
    assert (person.songs_today, person.waiting, person.last_song_at) == (1, 1, NOW)


def test_an_ignored_mention_is_not_answered_when_it_is_read_again(reply_store: ReplyStore) -> None:
    assert reply_store.accept(mention(), lambda _: None, NOW) is None
    assert reply_store.accept(mention(), lambda _: pytest.fail("nothing is to be decided twice"), NOW + 99) is None
    assert reply_store.owed() == 0


def test_processes_that_accept_a_mention_at_once_get_the_same_owed_reply(harness: Harness) -> None:
    stores = [harness.reply_store("x") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda reply_store: accepted(reply_store, mention()), stores))
    assert {owed.job for owed in made} == {"x-1"}
    assert stores[0].person("9", "ada", NOW).songs_today == 1


def test_requests_of_one_person_at_once_are_checked_one_after_the_other(harness: Harness) -> None:
    def only_the_first(asked: Mention) -> OwedReply | None:
        return harness.reply_store("x").accept(asked, lambda person: song(asked) if person.waiting == 0 else None, NOW)

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(only_the_first, [mention(number) for number in range(1, 9)]))
    assert len([owed for owed in made if owed is not None]) == 1


def test_one_of_many_claims_succeeds(harness: Harness, reply_store: ReplyStore) -> None:
    accepted(reply_store, mention())
    stores = [harness.reply_store("x") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        claim = list(pool.map(lambda taker: taker.claim("1", NOW, 60), stores))
    assert sorted(claim) == sorted([Claim.FRESH] + [Claim.HELD] * 7)


def test_a_lease_that_ran_out_before_posting_is_fresh_and_after_it_in_doubt(
    harness: Harness, reply_store: ReplyStore
) -> None:
    accepted(reply_store, mention())
    other = harness.reply_store("x")
    assert reply_store.claim("1", NOW, 60) is Claim.FRESH
    assert other.claim("1", NOW + 61, 60) is Claim.FRESH
    assert other.mark_posting("1", NOW + 62, 60)
    assert reply_store.claim("1", NOW + 100, 60) is Claim.HELD
    assert reply_store.claim("1", NOW + 123, 60) is Claim.IN_DOUBT


def test_doubt_outlives_a_second_crash_before_the_look(harness: Harness, reply_store: ReplyStore) -> None:
    accepted(reply_store, mention())
    reply_store.claim("1", NOW, 60)
    reply_store.mark_posting("1", NOW, 60)
    assert harness.reply_store("x").claim("1", NOW + 61, 60) is Claim.IN_DOUBT
    assert harness.reply_store("x").claim("1", NOW + 122, 60) is Claim.IN_DOUBT


def test_a_process_that_lost_the_lease_cannot_mark_the_reply_as_posting(
    harness: Harness, reply_store: ReplyStore
) -> None:
    accepted(reply_store, mention())
    reply_store.claim("1", NOW, 60)
    other = harness.reply_store("x")
    other.claim("1", NOW + 61, 60)
    assert not reply_store.mark_posting("1", NOW + 62, 60)
    assert other.mark_posting("1", NOW + 62, 60)


def test_before_a_post_the_owed_reply_is_on_disk_where_redis_persists(
    harness: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    reply_store = open_reply_store(harness.queues, "x", durable=True)
    for number, kept in ((1, "yes"), (2, "no")):
        accepted(reply_store, mention(number))
        reply_store.server.config_set("appendonly", kept)
        reply_store.claim(str(number), NOW, 60)
        assert reply_store.mark_posting(str(number), NOW, 60)
        assert ("does not confirm writes to disk" in caplog.text) is (kept == "no")
    reply_store.server.config_set("appendonly", "yes")


def test_a_completed_reply_stays_complete_and_no_longer_counts_as_waiting(reply_store: ReplyStore) -> None:
    made = accepted(reply_store, mention())
    reply_store.claim("1", NOW, 60)
    reply_store.mark_posting("1", NOW, 60)
    reply_store.complete(made, "posted", "77")
    assert reply_store.claim("1", NOW + 999, 60) is Claim.DONE
    assert (reply_store.owed(), reply_store.person("9", "ada", NOW).waiting) == (0, 0)
    found = reply_store.find("1")
    assert found is not None
    assert (found.state, found.reply_id) == ("posted", "77")
    reply_store.complete(made, "dropped")
    found = reply_store.find("1")
    assert found is not None
    assert found.state == "posted"


def test_a_released_reply_is_due_at_its_time_and_in_doubt_only_on_request(reply_store: ReplyStore) -> None:
    accepted(reply_store, mention())
    for in_doubt, expected in ((False, Claim.FRESH), (True, Claim.IN_DOUBT)):
        reply_store.claim("1", NOW, 60)
        reply_store.mark_posting("1", NOW, 60)
        reply_store.release("1", NOW + 10, in_doubt=in_doubt)
        assert reply_store.due(NOW + 9) == []
        assert reply_store.claim("1", NOW + 10, 60) is expected
        reply_store.release("1", NOW, in_doubt=False)


def test_postponing_changes_the_due_time_of_known_replies_only(reply_store: ReplyStore) -> None:
    accepted(reply_store, mention())
    reply_store.postpone("1", NOW + 500)
    assert reply_store.next_due() == NOW + 500
    reply_store.postpone("1", 0)
    reply_store.postpone("unknown", 0)
    assert reply_store.due(NOW) == ["1"]


def test_words_instead_of_a_song_give_the_turn_back(reply_store: ReplyStore) -> None:
    reply_store.say_instead(accepted(reply_store, mention()), "the queue is full")
    found = reply_store.find("1")
    assert found is not None
    assert (found.request, found.text) == (None, "the queue is full")
    assert reply_store.person("9", "ada", NOW) == Person()


def test_songs_are_counted_by_utc_day(reply_store: ReplyStore) -> None:
    for number in range(3):
        accepted(reply_store, mention(number))
    assert reply_store.person("9", "ada", NOW).songs_today == 3
    assert reply_store.person("9", "ada", NOW + 86_400).songs_today == 0
    accepted(reply_store, mention(9), NOW + 86_400)
    assert reply_store.person("9", "ada", NOW + 86_400).songs_today == 1


def test_stopped_and_blocked_people_are_known_by_id_or_handle(reply_store: ReplyStore) -> None:
    reply_store.stop("9")
    reply_store.block("@Ada")
    assert reply_store.person("9", "someone", NOW).stopped
    assert reply_store.person("8", "ADA", NOW).blocked
    reply_store.block()
    assert not reply_store.person("8", "ADA", NOW).blocked


def test_cursors_and_networks_are_kept_apart(harness: Harness, reply_store: ReplyStore) -> None:
    reply_store.move_cursor("mentions", "5")
    reply_store.move_cursor("messages", "7")
    assert (reply_store.cursor("mentions"), reply_store.cursor("messages")) == ("5", "7")
    assert harness.reply_store("mastodon").cursor("mentions") is None


def test_money_is_counted_exactly_by_utc_day(reply_store: ReplyStore) -> None:
    for _ in range(3):
        reply_store.spend("mention read", 0.001, NOW, times=7)
    reply_store.spend("reply", 0.010, NOW)
    assert reply_store.spent_dollars(NOW) == 0.031
    assert reply_store.spent_dollars(NOW + 86_400) == 0
    assert utc_day(NOW) == "2027-01-15"


def test_a_song_is_found_by_the_reply_that_holds_it_then_by_the_conversation(reply_store: ReplyStore) -> None:
    first, second = AnsweredSong({"title": "first"}, "a"), AnsweredSong({"title": "second"}, "b")
    reply_store.remember_song(mention(1), "70", first)
    reply_store.remember_song(mention(2), "71", second)
    under = Mention("x", "3", "3", "5", "bo", "/again", NOW, in_reply_to="70")
    assert reply_store.song_for(under) == first
    assert reply_store.song_for(mention(4)) == second
    assert reply_store.song_for(mention(4, author="5")) is None


@pytest.mark.parametrize("interaction", ["123", "dm-123", "$abc:server.example", "x" * 200, "ünïcode"])
def test_job_ids_are_safe_names_and_differ_by_interaction(interaction: str) -> None:
    name = job_id("matrix", interaction)
    assert all(sign.isascii() and (sign.isalnum() or sign in "-_") for sign in name)
    assert len(name) <= 80
    assert name != job_id("matrix", interaction + "0")


def test_a_ledger_shows_no_password(harness: Harness) -> None:
    assert "hunter2" not in repr(open_ledger_with("redis://:hunter2@127.0.0.1:1/0", harness))


def open_ledger_with(url: str, harness: Harness) -> ReplyStore:
    from pydantic import SecretStr

    settings = harness.queues.settings.model_copy(update={"redis_url": SecretStr(url)})
    return open_reply_store(type(harness.queues)(harness.queues.connection, settings), "x")


def test_a_ban_by_the_operator_blocks_by_handle_and_by_id(reply_store: ReplyStore) -> None:
    moderation = Moderation(reply_store.server)
    assert not reply_store.person("9", "Ada", NOW).blocked
    moderation.ban("x", "@Ada")
    assert reply_store.person("9", "ada", NOW).blocked
    moderation.unban("x", "ada")
    moderation.ban("x", "9")
    assert reply_store.person("9", "Ada", NOW).blocked
    assert not reply_store.person("8", "Bob", NOW).blocked
