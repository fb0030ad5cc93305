# ruff: noqa: F401, F811  fixtures are imported by name
import random
import threading

import pytest

from bot.networks.protocol import CredentialsError
from tests.bot.fakes.fixtures import clock, fake_mastodon, harness, server_url
from tests.bot.fakes.harness import TIMEOUT_SECONDS, Harness
from tests.bot.fakes.mastodon import FakeMastodon
from tests.bot.fakes.server import Reply, TestClock
from tests.waiting import DEADLINE_SECONDS, wait_for

SONG = "@riffbird Dancing robots /compose /g jazz /t 160"


def test_a_mention_is_answered_once_with_video_alt_text_and_the_asker_named(
    harness: Harness, fake_mastodon: FakeMastodon
) -> None:
    asked = fake_mastodon.write(fake_mastodon.person("ada@far.example"), SONG)
    harness.run_until_idle(harness.mastodon_bot(fake_mastodon))
    (reply,) = fake_mastodon.replies_to(asked)
    played = fake_mastodon.played(reply.media[0])
    assert (played.genre, played.tempo_bpm, played.video_codec) == ("jazz", 160, "h264")
    assert reply.text.startswith("@ada@far.example ")
    assert "Piano roll" in fake_mastodon.media[reply.media[0]].description
    assert fake_mastodon.violations == []


@pytest.mark.parametrize("visibility", ["public", "unlisted", "private", "direct"])
def test_visibility_and_content_warning_of_the_question_are_kept(
    visibility: str, harness: Harness, fake_mastodon: FakeMastodon
) -> None:
    ada = fake_mastodon.person("ada")
    asked = fake_mastodon.write(ada, SONG, visibility=visibility, spoiler="loud music")
    harness.run_until_idle(harness.mastodon_bot(fake_mastodon))
    (reply,) = fake_mastodon.replies_to(asked)
    assert (reply.visibility, reply.spoiler) == (visibility, "loud music")


def test_a_song_asked_for_in_private_is_not_listed_on_the_timeline(
    harness: Harness, fake_mastodon: FakeMastodon
) -> None:
    ada = fake_mastodon.person("ada")
    fake_mastodon.write(ada, SONG, visibility="direct")
    fake_mastodon.write(ada, SONG.replace("jazz", "blues"))
    harness.run_until_idle(harness.mastodon_bot(fake_mastodon))
    assert [song.rendition.genre for song in harness.queues.songs.newest(10)] == ["blues"]


def test_where_the_instance_takes_no_such_video_the_song_is_posted_as_audio(
    harness: Harness, fake_mastodon: FakeMastodon
) -> None:
    fake_mastodon.mime_types = ["image/png", "audio/mpeg"]
    asked = fake_mastodon.write(fake_mastodon.person("ada"), SONG)
    harness.run_until_idle(harness.mastodon_bot(fake_mastodon))
    (reply,) = fake_mastodon.replies_to(asked)
    assert fake_mastodon.media[reply.media[0]].mime == "audio/mpeg"
    assert fake_mastodon.played(reply.media[0]).genre == "jazz"


def test_a_video_above_the_instances_size_gives_way_to_audio(harness: Harness, fake_mastodon: FakeMastodon) -> None:
    fake_mastodon.size_limit = 11_000
    asked = fake_mastodon.write(fake_mastodon.person("ada"), SONG)
    harness.run_until_idle(harness.mastodon_bot(fake_mastodon))
    assert fake_mastodon.media[fake_mastodon.replies_to(asked)[0].media[0]].mime == "audio/mpeg"


def test_bots_ourselves_and_chatter_get_no_answer(harness: Harness, fake_mastodon: FakeMastodon) -> None:
    for author in (fake_mastodon.person("robot", bot=True), fake_mastodon.band):
        fake_mastodon.write(author, SONG)
    fake_mastodon.write(fake_mastodon.person("ada"), "@riffbird I liked your concert")
    harness.run_until_idle(harness.mastodon_bot(fake_mastodon))
    assert [status for status in fake_mastodon.statuses.values() if status.replies_to] == []


def test_a_post_notified_twice_is_answered_once(harness: Harness, fake_mastodon: FakeMastodon) -> None:
    asked = fake_mastodon.write(fake_mastodon.person("ada"), SONG)
    fake_mastodon.notify(asked)
    bot = harness.mastodon_bot(fake_mastodon)
    harness.run_until_idle(bot)
    fake_mastodon.notify(asked)
    harness.run_until_idle(bot)
    assert len(fake_mastodon.replies_to(asked)) == 1


def test_the_stream_wakes_the_bot_and_catch_up_reads_what_came_while_it_slept(
    harness: Harness, fake_mastodon: FakeMastodon
) -> None:
    bot, woken = harness.mastodon_bot(fake_mastodon), threading.Event()
    harness.run_until_idle(bot)
    bot.network.listen(woken.set)
    try:
        wait_for(lambda: fake_mastodon.listeners)  # the stream is opened in the client's own thread
        asked = fake_mastodon.write(fake_mastodon.person("ada"), SONG)
        assert woken.wait(DEADLINE_SECONDS)
        harness.clock.sleep(20)
        harness.run_until_idle(bot)
        assert len(fake_mastodon.replies_to(asked)) == 1
    finally:
        bot.network.close()


@pytest.mark.parametrize("fault", ["503-after", "timeout-after", "reset-after"])
def test_a_lost_answer_to_a_post_is_looked_up_and_never_posted_twice(
    fault: str, harness: Harness, fake_mastodon: FakeMastodon
) -> None:
    asked = fake_mastodon.write(fake_mastodon.person("ada"), SONG)
    fake_mastodon.faults.plan("POST /api/v1/statuses", fault)
    fake_mastodon.kept_keys = _Forgetful()  # an instance forgets idempotency keys after an hour: the thread must tell
    harness.run_until_idle(harness.mastodon_bot(fake_mastodon, bot_request_timeout_seconds=TIMEOUT_SECONDS))
    assert len(fake_mastodon.replies_to(asked)) == 1


class _Forgetful(dict):
    def __contains__(self, key: object) -> bool:
        return False


@pytest.mark.slow
def test_many_mentions_on_mastodon_are_answered_once_each_while_one_call_in_ten_fails(
    harness: Harness, fake_mastodon: FakeMastodon
) -> None:
    generator, asked = random.Random(4), {}
    bot = harness.mastodon_bot(fake_mastodon, bot_request_timeout_seconds=1.0)
    fake_mastodon.faults.rate = 0.1
    fake_mastodon.faults.generator.seed(5)
    people = [fake_mastodon.person(f"fan{index}@far.example") for index in range(20)]
    for _ in range(4):
        for who in generator.sample(people, 10):
            genre, tempo = generator.choice(["jazz", "folk", "blues"]), generator.choice([90, 120, 150])
            status = fake_mastodon.write(who, f"@riffbird روبوتات 🤖 /compose /g {genre} /t {tempo}")
            asked[status.id] = (genre, tempo)
        harness.run_until_idle(bot)
    for identifier, expected in asked.items():
        (reply,) = fake_mastodon.replies_to(fake_mastodon.statuses[identifier])
        played = fake_mastodon.played(reply.media[0])
        assert (played.genre, played.tempo_bpm) == expected
    assert sum(fake_mastodon.faults.injected.values()) > 20
    assert fake_mastodon.violations == []


def test_without_a_url_or_token_the_missing_variables_are_named(clock: TestClock) -> None:
    from bot.networks.mastodon.client import MastodonNetwork
    from tests.bot.fakes.harness import bot_settings

    with pytest.raises(CredentialsError, match="RIFFBIRD_MASTODON_URL, RIFFBIRD_MASTODON_ACCESS_TOKEN"):
        MastodonNetwork(bot_settings(), clock)


def test_a_file_that_the_instance_refuses_for_good_gives_way_to_the_next_format(
    harness: Harness, fake_mastodon: FakeMastodon
) -> None:
    bot = harness.mastodon_bot(fake_mastodon)
    fake_mastodon.mime_types = ["audio/mpeg"]  # it said that it takes video, and refuses it
    asked = fake_mastodon.write(fake_mastodon.person("ada"), SONG)
    harness.run_until_idle(bot)
    (reply,) = fake_mastodon.replies_to(asked)
    assert fake_mastodon.media[reply.media[0]].mime == "audio/mpeg"
    assert fake_mastodon.calls["POST /api/v2/media"] == 3


def test_a_gotosocial_instance_with_ids_that_are_no_numbers_is_read_in_order(
    harness: Harness, fake_mastodon: FakeMastodon
) -> None:
    bot = harness.mastodon_bot(fake_mastodon)
    ada, bo = fake_mastodon.person("ada"), fake_mastodon.person("bo")
    asked = [fake_mastodon.write(who, SONG) for who in (ada, bo)]
    facts = [fake_mastodon._notification(0, status) | {"id": f"01J{n}ULID"} for n, status in enumerate(asked)]
    pages = [facts[::-1]]
    fake_mastodon.read = lambda _: Reply(200, pages.pop() if pages else [])  # type: ignore[method-assign]
    fake_mastodon.routes = []
    fake_mastodon._routes()
    harness.run_until_idle(bot)
    assert [len(fake_mastodon.replies_to(status)) for status in asked] == [1, 1]
    assert bot.reply_store.cursor("mentions") == "01J1ULID"


def test_deleting_the_question_deletes_the_answer(harness: Harness, fake_mastodon: FakeMastodon) -> None:
    bot = harness.mastodon_bot(fake_mastodon)
    asked = fake_mastodon.write(fake_mastodon.person("ada"), "@riffbird /help")
    harness.run_until_idle(bot)
    assert len(fake_mastodon.replies_to(asked)) == 1
    bot.network._deleted.put(asked.id)
    harness.run_until_idle(bot)
    assert fake_mastodon.replies_to(asked) == []
