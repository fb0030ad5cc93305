# ruff: noqa: F401, F811  fixtures are imported by name
import random
from pathlib import Path

import pytest

from bot.networks.protocol import Attachment, CredentialsError, UploadRefusedError
from bot.networks.x.auth import XClient
from bot.networks.x.client import XNetwork
from bot.networks.x.limits import RateWindows, endpoint
from bot.networks.x.media import Uploader
from bot.networks.x.prices import seconds_to_midnight
from bot.networks.x.reading import Position, addresses_bot, snowflake_before, snowflake_seconds
from tests.bot.fakes.fixtures import clock, fake_x, harness, server_url
from tests.bot.fakes.harness import TIMEOUT_SECONDS, Harness, bot_settings, x_settings
from tests.bot.fakes.server import TestClock
from tests.bot.fakes.videos import media
from tests.bot.fakes.x import BAND, FakeX

SONG = "@riffbird Dancing robots /compose /g jazz /t 160 /r 0.2"


def test_a_mention_gets_one_reply_with_a_playable_video_of_the_asked_genre_and_tempo(
    harness: Harness, fake_x: FakeX
) -> None:
    asked = fake_x.write(fake_x.person("ada"), SONG)
    harness.run_until_idle(harness.x_bot(fake_x))
    (reply,) = fake_x.replies_to(asked.id)
    played = fake_x.played(reply.media[0])
    assert (played.genre, played.tempo_bpm, played.video_codec) == ("jazz", 160, "h264")
    assert "Dancing robots" in reply.text
    assert "Piano roll" in fake_x.uploads[reply.media[0]].alt_text
    assert reply.made_with_ai
    assert fake_x.violations == []


def test_a_direct_message_is_answered_in_its_conversation_with_a_video_for_messages(
    harness: Harness, fake_x: FakeX
) -> None:
    asked = fake_x.message(fake_x.person("ada"), "Dancing robots /compose /g jazz /t 160")
    harness.run_until_idle(harness.x_bot(fake_x))
    (sent,) = fake_x.answers_in(asked.conversation)
    assert fake_x.uploads[sent.media].category == "dm_video"
    assert fake_x.violations == []


def test_messages_may_be_turned_off(harness: Harness, fake_x: FakeX) -> None:
    asked = fake_x.message(fake_x.person("ada"), SONG)
    harness.run_until_idle(harness.x_bot(fake_x, x_messages=False))
    assert fake_x.answers_in(asked.conversation) == []
    assert not any("dm" in route for route in fake_x.calls)


def test_stop_is_honoured_for_good_and_also_for_a_song_on_its_way(harness: Harness, fake_x: FakeX) -> None:
    ada, bot = fake_x.person("ada"), harness.x_bot(fake_x)
    asked = fake_x.write(ada, SONG)
    bot.turn()
    harness.clock.sleep(20)
    fake_x.write(ada, "@riffbird stop")
    bot.turn()
    harness.run_until_idle(bot)
    later = fake_x.write(ada, SONG)
    harness.run_until_idle(bot)
    assert fake_x.replies_to(asked.id, later.id) == []


def test_blocked_people_get_no_answer_by_handle_or_id(harness: Harness, fake_x: FakeX) -> None:
    asked = [fake_x.write(fake_x.person(name), SONG) for name in ("troll", "spammer", "ada")]
    harness.run_until_idle(harness.x_bot(fake_x, bot_blocked=f"@Troll, {asked[1].author}"))
    assert [len(fake_x.replies_to(post.id)) for post in asked] == [0, 0, 1]


def test_again_under_a_song_plays_it_with_another_seed(harness: Harness, fake_x: FakeX) -> None:
    ada, bot = fake_x.person("ada"), harness.x_bot(fake_x)
    asked = fake_x.write(ada, SONG)
    harness.run_until_idle(bot)
    (song,) = fake_x.replies_to(asked.id)
    more = fake_x.write(fake_x.person("bo"), "@riffbird /again /t 90", song.id)
    lost = fake_x.write(fake_x.person("cy"), "@riffbird /again")
    harness.run_until_idle(bot)
    (second,) = fake_x.replies_to(more.id)
    played = fake_x.played(second.media[0])
    assert (played.genre, played.tempo_bpm) == ("jazz", 90)
    assert second.text.split("/s ")[-1] != song.text.split("/s ")[-1]
    assert fake_x.replies_to(lost.id)[0].media == []


def test_a_refused_command_is_answered_with_what_is_played(harness: Harness, fake_x: FakeX) -> None:
    asked = fake_x.write(fake_x.person("ada"), "@riffbird Oompah /compose /g polka-core")
    harness.run_until_idle(harness.x_bot(fake_x))
    (reply,) = fake_x.replies_to(asked.id)
    assert 'I don\'t know "polka-core"' in reply.text
    assert "heavy-metal" in reply.text
    assert harness.queues.depth("compose") == 0


def test_a_failed_song_is_answered_with_an_apology_and_a_refused_one_with_the_rule(
    harness: Harness, fake_x: FakeX
) -> None:
    for performer, words in (("buggy", "our fault"), ("refusing", "a kazoo is not in this band")):
        settings = harness.queues.settings.model_copy(update={"performer": f"tests.bot.fakes.videos.{performer}"})
        other = Harness(type(harness.queues)(harness.queues.connection, settings), harness.clock)
        asked = fake_x.write(fake_x.person(performer), SONG)
        other.run_until_idle(other.x_bot(fake_x))
        (reply,) = fake_x.replies_to(asked.id)
        assert words in reply.text


def test_a_full_queue_is_reported_and_the_request_is_not_counted(harness: Harness, fake_x: FakeX) -> None:
    settings = harness.queues.settings.model_copy(update={"queue_limit": 1})
    other = Harness(type(harness.queues)(harness.queues.connection, settings), harness.clock)
    asked = [fake_x.write(fake_x.person(name), SONG) for name in ("ada", "bo")]
    bot = other.x_bot(fake_x)
    bot.turn()
    other.run_until_idle(bot)
    replies = [fake_x.replies_to(post.id)[0] for post in asked]
    assert [bool(reply.media) for reply in replies] == [True, False]
    assert bot.reply_store.person(asked[1].author, "bo", harness.clock.now()).songs_today == 0


# ---------------------------------------------------------------------- faults of X


@pytest.mark.parametrize("fault", ["503-after", "timeout-after", "reset-after"])
def test_a_lost_answer_to_a_post_is_looked_up_and_never_posted_twice(
    fault: str, harness: Harness, fake_x: FakeX
) -> None:
    asked = fake_x.write(fake_x.person("ada"), SONG)
    fake_x.faults.plan("POST /2/tweets", fault)
    harness.run_until_idle(harness.x_bot(fake_x, bot_request_timeout_seconds=TIMEOUT_SECONDS))
    assert len(fake_x.replies_to(asked.id)) == 1
    assert fake_x.calls[r"GET /2/users/(\d+)/tweets"] >= 1


@pytest.mark.parametrize("fault", ["429", "500", "503", "timeout", "reset"])
def test_a_post_that_did_not_happen_is_tried_again(fault: str, harness: Harness, fake_x: FakeX) -> None:
    asked = fake_x.write(fake_x.person("ada"), SONG)
    fake_x.faults.plan("POST /2/tweets", fault, fault)
    harness.run_until_idle(harness.x_bot(fake_x, bot_request_timeout_seconds=TIMEOUT_SECONDS))
    assert len(fake_x.replies_to(asked.id)) == 1


@pytest.mark.parametrize("fault", ["503-after", "timeout-after", "reset-after"])
def test_a_lost_answer_to_a_message_is_looked_up_in_the_conversation(
    fault: str, harness: Harness, fake_x: FakeX
) -> None:
    asked = fake_x.message(fake_x.person("ada"), "Robots /compose /g jazz")
    fake_x.faults.plan(r"POST /2/dm_conversations/([\d-]+)/messages", fault)
    harness.run_until_idle(harness.x_bot(fake_x, bot_request_timeout_seconds=TIMEOUT_SECONDS))
    assert len(fake_x.answers_in(asked.conversation)) == 1


def test_a_refusal_by_x_is_final(harness: Harness, fake_x: FakeX) -> None:
    asked = fake_x.write(fake_x.person("ada"), SONG)
    bot = harness.x_bot(fake_x)
    bot.turn()
    fake_x.posts.remove(asked)  # deleted while the band played
    harness.run_until_idle(bot)
    assert fake_x.calls["POST /2/tweets"] == 1


def test_a_spent_window_is_waited_for_and_not_asked_meanwhile(harness: Harness, fake_x: FakeX) -> None:
    people = [fake_x.person(f"fan{index}") for index in range(103)]
    bot, begin = harness.x_bot(fake_x), harness.clock.now()
    for who in people:
        fake_x.write(who, "@riffbird /help")
    harness.run_until_idle(bot)
    assert len([post for post in fake_x.posts if post.author == BAND]) == 103
    assert fake_x.calls["POST /2/tweets"] == 103
    assert 900 <= harness.clock.now() - begin < 2000


def test_video_goes_up_in_ordered_segments_and_is_posted_only_when_processed(
    fake_x: FakeX, clock: TestClock, tmp_path: Path
) -> None:
    video = tmp_path / "song.mp4"
    video.write_bytes(media("mp4", "jazz", 120))
    uploader = Uploader(XClient(x_settings(fake_x), clock), clock, random.Random(1), segment_bytes=3000)
    fake_x.processing_checks = 3
    fake_x.faults.plan(r"POST /2/media/upload/(\d+)/append", "503-after", "reset")
    media_id = uploader.upload(Attachment(video, "mp4", "a song", 0.6, "x"), "tweet_video")
    upload = fake_x.uploads[media_id]
    assert (upload.state, upload.checks, len(upload.segments)) == ("succeeded", 3, 5)
    assert upload.content == video.read_bytes()
    assert fake_x.violations == []


def test_a_video_that_x_cannot_process_is_refused_and_not_posted(
    fake_x: FakeX, clock: TestClock, tmp_path: Path
) -> None:
    broken = tmp_path / "song.mp4"
    broken.write_bytes(b"no video at all")
    uploader = Uploader(XClient(x_settings(fake_x), clock), clock, random.Random(1))
    with pytest.raises(UploadRefusedError, match="Unsupported video format"):
        uploader.upload(Attachment(broken, "mp4", "", 1, "x"), "tweet_video")


# ---------------------------------------------------------------------- money


def test_the_daily_budget_pauses_the_bot_until_the_next_utc_day(harness: Harness, fake_x: FakeX) -> None:
    asked = [fake_x.write(fake_x.person(f"fan{index}"), SONG) for index in range(4)]
    bot = harness.x_bot(fake_x, x_daily_budget_dollars=0.03, x_messages=False)
    for _ in range(8):
        bot.turn()
        harness.work()
        harness.clock.sleep(60)
    assert len([post for post in fake_x.posts if post.author == BAND]) == 2
    assert bot.reply_store.spent_dollars(harness.clock.now()) <= 0.03
    harness.clock.sleep(seconds_to_midnight(harness.clock.now()) + 1)
    harness.run_until_idle(bot)
    assert [len(fake_x.replies_to(post.id)) for post in asked] == [1, 1, 1, 1]


def test_a_backlog_above_the_daily_budget_is_answered_over_several_days(harness: Harness, fake_x: FakeX) -> None:
    bot = harness.x_bot(fake_x, x_daily_budget_dollars=0.06, x_messages=False)
    harness.clock.sleep(1)
    asked = [fake_x.write(fake_x.person(f"fan{index}"), "@riffbird /help") for index in range(8)]
    answered = []
    for _ in range(2):
        for _ in range(10):
            bot.turn()
            harness.clock.sleep(60)
        assert bot.reply_store.spent_dollars(harness.clock.now()) <= 0.06 + 1e-9
        answered.append(sum(len(fake_x.replies_to(post.id)) for post in asked))
        harness.clock.sleep(seconds_to_midnight(harness.clock.now()) + 1)
    assert answered[0] >= 4
    assert [len(fake_x.replies_to(post.id)) for post in asked] == [1] * 8


def test_a_budget_that_cannot_pay_one_answer_reads_nothing(harness: Harness, fake_x: FakeX) -> None:
    fake_x.write(fake_x.person("ada"), "@riffbird /help")
    bot = harness.x_bot(fake_x, x_daily_budget_dollars=0.01, x_messages=False)
    bot.turn()
    assert fake_x.calls[r"GET /2/users/(\d+)/mentions"] == 0
    now = harness.clock.now()
    assert bot.reader.channels[0].next_at - now == pytest.approx(seconds_to_midnight(now), abs=2)


def test_a_protected_account_is_answered_and_not_listed(harness: Harness, fake_x: FakeX) -> None:
    ada, bo = fake_x.person("ada"), fake_x.person("bo")
    fake_x.users[ada]["protected"] = True
    asked = [fake_x.write(who, SONG) for who in (ada, bo)]
    harness.run_until_idle(harness.x_bot(fake_x))
    assert [len(fake_x.replies_to(post.id)) for post in asked] == [1, 1]
    assert [song.id for song in harness.queues.songs.newest(10)] == [f"x-{asked[1].id}"]


def test_a_position_survives_its_cursor() -> None:
    for position in (Position(), Position(newest=7), Position(newest=9, since=3, until=5)):
        assert Position.parse(position.as_cursor()) == position


def test_one_song_by_mention_costs_about_a_cent(harness: Harness, fake_x: FakeX) -> None:
    bot = harness.x_bot(fake_x, x_messages=False)
    before = bot.reply_store.spent_dollars(harness.clock.now())
    fake_x.write(fake_x.person("ada"), SONG)
    bot.turn()
    harness.work()
    harness.clock.sleep(1)
    bot.turn()
    assert bot.reply_store.spent_dollars(harness.clock.now()) - before == pytest.approx(0.011)


def test_a_quiet_hour_costs_next_to_nothing_and_a_late_shown_mention_is_still_found(
    harness: Harness, fake_x: FakeX
) -> None:
    bot = harness.x_bot(fake_x, x_messages=False)
    fake_x.write(fake_x.person("ada"), "@riffbird nice concert")
    late = fake_x.write(fake_x.person("bo"), SONG)
    fake_x.posts.remove(late)
    harness.clock.sleep(5)
    fake_x.write(fake_x.person("cy"), "@riffbird very nice concert")
    harness.run_until_idle(bot)
    fake_x.posts.append(late)  # X shows it only now, with its older id
    harness.run_until_idle(bot)
    assert len(fake_x.replies_to(late.id)) == 1
    before = bot.reply_store.spent_dollars(harness.clock.now())
    for _ in range(240):
        bot.turn()
        harness.clock.sleep(15)
    assert bot.reply_store.spent_dollars(harness.clock.now()) - before <= 0.010


def test_a_song_by_message_costs_a_few_cents_however_many_messages_there_were(harness: Harness, fake_x: FakeX) -> None:
    bot, ada = harness.x_bot(fake_x), fake_x.person("ada")
    for _ in range(40):
        fake_x.message(ada, "chatter")
    harness.run_until_idle(bot)
    before = bot.reply_store.spent_dollars(harness.clock.now())
    fake_x.message(ada, "Robots /compose /g jazz")
    harness.run_until_idle(bot)
    assert bot.reply_store.spent_dollars(harness.clock.now()) - before <= 0.10


# ---------------------------------------------------------------------- signing in


def test_oauth_2_tokens_are_renewed_kept_and_used_by_two_processes(
    fake_x: FakeX, clock: TestClock, harness: Harness, tmp_path: Path
) -> None:
    settings = bot_settings(
        x_api_origin=fake_x.url, x_client_id="client", x_refresh_token="first-refresh-token",
        x_token_file=tmp_path / "tokens" / "x.json",
    )  # fmt: skip
    first, second = (XNetwork(settings, harness.reply_store("x"), clock, random.Random(1)) for _ in range(2))
    assert (first.open(), second.open()) == ("riffbird", "riffbird")
    assert fake_x.calls["POST /2/oauth2/token"] == 1
    clock.sleep(7200)
    assert (second.open(), first.open()) == ("riffbird", "riffbird")
    assert fake_x.calls["POST /2/oauth2/token"] == 2
    fake_x.bearers = set()  # revoked early
    assert first.open() == "riffbird"


def test_a_used_refresh_token_is_reported_to_the_operator(
    fake_x: FakeX, clock: TestClock, harness: Harness, tmp_path: Path
) -> None:
    settings = bot_settings(
        x_api_origin=fake_x.url, x_client_id="client", x_refresh_token="used-before", x_token_file=tmp_path / "x.json"
    )
    with pytest.raises(CredentialsError, match="sign in again"):
        XNetwork(settings, harness.reply_store("x"), clock, random.Random(1)).open()


# ---------------------------------------------------------------------- small rules


def test_endpoints_are_counted_as_x_does() -> None:
    assert endpoint("GET", "/2/users/123/mentions?since_id=9") == "GET /2/users/:id/mentions"
    assert endpoint("POST", "/2/dm_conversations/1-22/messages") == "POST /2/dm_conversations/:id/messages"


def test_a_snowflake_has_its_creation_time() -> None:
    identifier = snowflake_before(None, 0, 1_800_000_000.0)
    assert snowflake_seconds(identifier) == pytest.approx(1_800_000_000.0, abs=0.01)
    assert snowflake_seconds(snowflake_before(identifier, 30)) == pytest.approx(1_799_999_970.0, abs=0.01)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("@riffbird hello", None, True),
        ("hello @RiffBird!", None, True),
        ("@riffbirds hello", None, False),
        ("mail me@riffbird.example", None, False),
        ("RT @fan: @riffbird hello", "retweeted", False),
        ("＠riffbird hello", "replied_to", True),
    ],
)
def test_only_words_of_their_own_with_our_name_summon_us(text: str, kind: str | None, expected: bool) -> None:
    links = [{"type": kind, "id": "1"}] if kind else []
    assert addresses_bot({"text": text, "referenced_tweets": links}, "riffbird") is expected


def test_the_same_words_to_two_people_are_no_duplicate_to_x(harness: Harness, fake_x: FakeX) -> None:
    asked = [fake_x.write(fake_x.person(name), "@riffbird /help") for name in ("ada", "bo")]
    harness.run_until_idle(harness.x_bot(fake_x))
    assert [len(fake_x.replies_to(post.id)) for post in asked] == [1, 1]
    assert fake_x.duplicates == 0


@pytest.mark.parametrize("text", ["@riffbird /help", "@riffbird Robots /compose /g jazz /s 7"])
def test_one_person_gets_the_same_reply_twice(harness: Harness, fake_x: FakeX, text: str) -> None:
    ada, bot, asked = fake_x.person("ada"), harness.x_bot(fake_x, bot_cooldown_seconds=0), []
    for _ in range(2):
        asked.append(fake_x.write(ada, text))
        harness.run_until_idle(bot)
        harness.clock.sleep(60)
    assert [len(fake_x.replies_to(post.id)) for post in asked] == [1, 1]
    assert (fake_x.duplicates, fake_x.violations, bot.reply_store.owed()) == (0, [], 0)


def test_what_x_calls_a_duplicate_is_left_at_that(harness: Harness, fake_x: FakeX) -> None:
    ada, bot = fake_x.person("ada"), harness.x_bot(fake_x)
    asked = [fake_x.write(ada, "@riffbird /help") for _ in range(2)]  # in the same second
    harness.run_until_idle(bot)
    assert [len(fake_x.replies_to(post.id)) for post in asked] == [1, 0]
    assert (fake_x.duplicates, bot.reply_store.owed()) == (1, 0)
