# ruff: noqa: F401, F811  fixtures are imported by name
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.networks.protocol import Mention, job_id
from bot.owed_reply import Promise, Taken
from bot.rate_limits import Person
from bot.reply_store import Ledger, utc_day
from bot.run import open_ledger
from tests.bot.fakes.fixtures import clock, server_url, stage
from tests.bot.fakes.stage import Stage

NOW = 1_800_000_000.0


def mention(number: int = 1, author: str = "9") -> Mention:
    return Mention("x", str(number), str(number), author, "ada", "hello", NOW)


def song(asked: Mention) -> Promise:
    return Promise(asked, request={"title": "é 🎸"}, job=job_id("x", asked.interaction), notices=("clamped",))


@pytest.fixture
def ledger(stage: Stage) -> Ledger:
    return stage.ledger("x")


def promised(ledger: Ledger, asked: Mention, now: float = NOW) -> Promise:
    made = ledger.promise(asked, lambda _: song(asked), now)
    assert made is not None
    return made


def test_a_promise_comes_back_as_it_was_written(ledger: Ledger) -> None:
    made = promised(ledger, mention())
    assert ledger.find("1") == made == song(mention())
    assert ledger.due(NOW) == ["1"]


def test_a_repeated_mention_gets_the_first_promise_and_counts_once(ledger: Ledger) -> None:
    first = promised(ledger, mention())
    again = ledger.promise(mention(), lambda _: pytest.fail("nothing is to be decided twice"), NOW + 1)
    assert again == first
    person = ledger.person("9", "ada", NOW)
    assert (person.songs_today, person.waiting, person.last_song_at) == (1, 1, NOW)


def test_a_mention_met_with_silence_once_is_not_answered_when_it_is_read_again(ledger: Ledger) -> None:
    assert ledger.promise(mention(), lambda _: None, NOW) is None
    assert ledger.promise(mention(), lambda _: pytest.fail("nothing is to be decided twice"), NOW + 99) is None
    assert ledger.owed() == 0


def test_of_many_processes_that_claim_at_once_each_sees_the_one_promise(stage: Stage) -> None:
    ledgers = [stage.ledger("x") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda ledger: promised(ledger, mention()), ledgers))
    assert {promise.job for promise in made} == {"x-1"}
    assert ledgers[0].person("9", "ada", NOW).songs_today == 1


def test_two_wishes_of_one_person_at_once_are_judged_one_after_the_other(stage: Stage) -> None:
    def only_the_first(asked: Mention) -> Promise | None:
        return stage.ledger("x").promise(asked, lambda person: song(asked) if person.waiting == 0 else None, NOW)

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(only_the_first, [mention(number) for number in range(1, 9)]))
    assert len([promise for promise in made if promise is not None]) == 1


def test_of_many_takers_one_gets_the_promise(stage: Stage, ledger: Ledger) -> None:
    promised(ledger, mention())
    ledgers = [stage.ledger("x") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda taker: taker.take("1", NOW, 60), ledgers))
    assert sorted(taken) == sorted([Taken.FRESH] + [Taken.HELD] * 7)


def test_a_lease_that_ran_out_before_the_fence_is_fresh_and_after_it_doubtful(stage: Stage, ledger: Ledger) -> None:
    promised(ledger, mention())
    other = stage.ledger("x")
    assert ledger.take("1", NOW, 60) is Taken.FRESH
    assert other.take("1", NOW + 61, 60) is Taken.FRESH
    assert other.fence("1", NOW + 62, 60)
    assert ledger.take("1", NOW + 100, 60) is Taken.HELD
    assert ledger.take("1", NOW + 123, 60) is Taken.DOUBTFUL


def test_doubt_outlives_a_second_crash_before_the_look(stage: Stage, ledger: Ledger) -> None:
    promised(ledger, mention())
    ledger.take("1", NOW, 60)
    ledger.fence("1", NOW, 60)
    assert stage.ledger("x").take("1", NOW + 61, 60) is Taken.DOUBTFUL
    assert stage.ledger("x").take("1", NOW + 122, 60) is Taken.DOUBTFUL


def test_whoever_lost_the_lease_is_stopped_at_the_fence(stage: Stage, ledger: Ledger) -> None:
    promised(ledger, mention())
    ledger.take("1", NOW, 60)
    other = stage.ledger("x")
    other.take("1", NOW + 61, 60)
    assert not ledger.fence("1", NOW + 62, 60)
    assert other.fence("1", NOW + 62, 60)


def test_before_a_post_the_promise_is_on_disk_where_the_server_keeps_anything_there(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = open_ledger(stage.queues, "x", durable=True)
    for number, kept in ((1, "yes"), (2, "no")):
        promised(ledger, mention(number))
        ledger.server.config_set("appendonly", kept)
        ledger.take(str(number), NOW, 60)
        assert ledger.fence(str(number), NOW, 60)
        assert ("does not promise to remember" in caplog.text) is (kept == "no")
    ledger.server.config_set("appendonly", "yes")


def test_a_settled_promise_is_done_for_good_and_frees_the_persons_turn(ledger: Ledger) -> None:
    made = promised(ledger, mention())
    ledger.take("1", NOW, 60)
    ledger.fence("1", NOW, 60)
    ledger.settle(made, "posted", "77")
    assert ledger.take("1", NOW + 999, 60) is Taken.DONE
    assert (ledger.owed(), ledger.person("9", "ada", NOW).waiting) == (0, 0)
    found = ledger.find("1")
    assert found is not None
    assert (found.state, found.reply_id) == ("posted", "77")
    ledger.settle(made, "dropped")
    found = ledger.find("1")
    assert found is not None
    assert found.state == "posted"


def test_a_release_is_due_again_at_its_time_and_certain_unless_told(ledger: Ledger) -> None:
    promised(ledger, mention())
    for doubtful, expected in ((False, Taken.FRESH), (True, Taken.DOUBTFUL)):
        ledger.take("1", NOW, 60)
        ledger.fence("1", NOW, 60)
        ledger.release("1", NOW + 10, doubtful=doubtful)
        assert ledger.due(NOW + 9) == []
        assert ledger.take("1", NOW + 10, 60) is expected
        ledger.release("1", NOW, doubtful=False)


def test_the_bell_makes_a_promise_due_but_none_out_of_nothing(ledger: Ledger) -> None:
    promised(ledger, mention())
    ledger.postpone("1", NOW + 500)
    assert ledger.next_due() == NOW + 500
    ledger.postpone("1", 0)
    ledger.postpone("unknown", 0)
    assert ledger.due(NOW) == ["1"]


def test_words_instead_of_a_song_give_the_turn_back(ledger: Ledger) -> None:
    ledger.say_instead(promised(ledger, mention()), "the rehearsal room is full")
    found = ledger.find("1")
    assert found is not None
    assert (found.request, found.words) == (None, "the rehearsal room is full")
    assert ledger.person("9", "ada", NOW) == Person()


def test_songs_are_counted_by_utc_day(ledger: Ledger) -> None:
    for number in range(3):
        promised(ledger, mention(number))
    assert ledger.person("9", "ada", NOW).songs_today == 3
    assert ledger.person("9", "ada", NOW + 86_400).songs_today == 0
    promised(ledger, mention(9), NOW + 86_400)
    assert ledger.person("9", "ada", NOW + 86_400).songs_today == 1


def test_stopped_and_blocked_people_are_known_by_id_or_handle(ledger: Ledger) -> None:
    ledger.stop("9")
    ledger.block("@Ada")
    assert ledger.person("9", "someone", NOW).stopped
    assert ledger.person("8", "ADA", NOW).blocked
    ledger.block()
    assert not ledger.person("8", "ADA", NOW).blocked


def test_cursors_and_networks_are_kept_apart(stage: Stage, ledger: Ledger) -> None:
    ledger.move_cursor("mentions", "5")
    ledger.move_cursor("messages", "7")
    assert (ledger.cursor("mentions"), ledger.cursor("messages")) == ("5", "7")
    assert stage.ledger("mastodon").cursor("mentions") is None


def test_money_is_counted_exactly_by_utc_day(ledger: Ledger) -> None:
    for _ in range(3):
        ledger.spend("mention read", 0.001, NOW, times=7)
    ledger.spend("reply", 0.010, NOW)
    assert ledger.spent_dollars(NOW) == 0.031
    assert ledger.spent_dollars(NOW + 86_400) == 0
    assert utc_day(NOW) == "2027-01-15"


def test_a_song_is_found_by_the_reply_that_holds_it_then_by_the_conversation(ledger: Ledger) -> None:
    ledger.remember_song(mention(1), "70", {"title": "first"})
    ledger.remember_song(mention(2), "71", {"title": "second"})
    under = Mention("x", "3", "3", "5", "bo", "/again", NOW, in_reply_to="70")
    assert ledger.song_for(under) == {"title": "first"}
    assert ledger.song_for(mention(4)) == {"title": "second"}
    assert ledger.song_for(mention(4, author="5")) is None


@pytest.mark.parametrize("interaction", ["123", "dm-123", "$abc:server.example", "x" * 200, "ünïcode"])
def test_job_ids_are_safe_names_and_differ_by_interaction(interaction: str) -> None:
    name = job_id("matrix", interaction)
    assert all(sign.isascii() and (sign.isalnum() or sign in "-_") for sign in name)
    assert len(name) <= 80
    assert name != job_id("matrix", interaction + "0")


def test_a_ledger_shows_no_password(stage: Stage) -> None:
    assert "hunter2" not in repr(open_ledger_with("redis://:hunter2@127.0.0.1:1/0", stage))


def open_ledger_with(url: str, stage: Stage) -> Ledger:
    from pydantic import SecretStr

    settings = stage.queues.settings.model_copy(update={"redis_url": SecretStr(url)})
    return open_ledger(type(stage.queues)(stage.queues.connection, settings), "x")
