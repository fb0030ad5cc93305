import pytest

from bot.rate_limits import Person, RateLimits, Verdict, check_song, check_text, wait_seconds

NOW = 1_800_000_000.0
LIMITS = RateLimits(cooldown_seconds=60, songs_a_day=3, waiting_songs=1, texts_a_day=5)


@pytest.mark.parametrize(
    ("person", "verdict"),
    [
        (Person(), Verdict.ALLOWED),
        (Person(last_song_at=NOW - 60), Verdict.ALLOWED),
        (Person(last_song_at=NOW - 59), Verdict.COOLDOWN),
        (Person(last_song_at=NOW - 59, waiting=1), Verdict.TOO_MANY_WAITING),
        (Person(last_song_at=NOW - 999, waiting=1), Verdict.TOO_MANY_WAITING),
        (Person(last_song_at=NOW - 999, songs_today=3), Verdict.DAILY_LIMIT),
        (Person(last_song_at=NOW - 59, last_limit_at=NOW - 50), Verdict.IGNORED),
        (Person(last_song_at=NOW - 59, last_limit_at=NOW - 70), Verdict.COOLDOWN),
        (Person(last_song_at=NOW - 61, last_limit_at=NOW - 50), Verdict.ALLOWED),
        (Person(stopped=True), Verdict.IGNORED),
        (Person(blocked=True), Verdict.IGNORED),
    ],
)
def test_a_request_for_a_song_is_checked_against_the_rate_limits(person: Person, verdict: Verdict) -> None:
    assert check_song(person, LIMITS, NOW) is verdict


@pytest.mark.parametrize(
    ("person", "verdict"),
    [
        (Person(last_song_at=NOW, waiting=1), Verdict.ALLOWED),
        (Person(texts_today=5), Verdict.IGNORED),
        (Person(stopped=True), Verdict.IGNORED),
    ],
)
def test_words_are_free_until_two_bots_talk_to_each_other(person: Person, verdict: Verdict) -> None:
    assert check_text(person, LIMITS) is verdict


def test_the_wait_is_what_is_left_of_the_cooldown() -> None:
    assert wait_seconds(Person(last_song_at=NOW - 45), LIMITS, NOW) == 15
    assert wait_seconds(Person(), LIMITS, NOW) == 0
