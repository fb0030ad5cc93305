import pytest

from bot.rate_limits import Person, Policy, Verdict, judge, judge_words, wait_seconds

NOW = 1_800_000_000.0
POLICY = Policy(cooldown_seconds=60, songs_a_day=3, waiting_songs=1, words_a_day=5)


@pytest.mark.parametrize(
    ("person", "verdict"),
    [
        (Person(), Verdict.WELCOME),
        (Person(last_song_at=NOW - 60), Verdict.WELCOME),
        (Person(last_song_at=NOW - 59), Verdict.COOLING_DOWN),
        (Person(last_song_at=NOW - 59, waiting=1), Verdict.ONE_IS_WAITING),
        (Person(last_song_at=NOW - 999, waiting=1), Verdict.ONE_IS_WAITING),
        (Person(last_song_at=NOW - 999, songs_today=3), Verdict.ENOUGH_TODAY),
        (Person(last_song_at=NOW - 59, last_limit_at=NOW - 50), Verdict.SILENCE),
        (Person(last_song_at=NOW - 59, last_limit_at=NOW - 70), Verdict.COOLING_DOWN),
        (Person(last_song_at=NOW - 61, last_limit_at=NOW - 50), Verdict.WELCOME),
        (Person(stopped=True), Verdict.SILENCE),
        (Person(blocked=True), Verdict.SILENCE),
    ],
)
def test_a_wish_for_a_song_is_judged_by_the_house_rules(person: Person, verdict: Verdict) -> None:
    assert judge(person, POLICY, NOW) is verdict


@pytest.mark.parametrize(
    ("person", "verdict"),
    [
        (Person(last_song_at=NOW, waiting=1), Verdict.WELCOME),
        (Person(words_today=5), Verdict.SILENCE),
        (Person(stopped=True), Verdict.SILENCE),
    ],
)
def test_words_are_free_until_two_bots_talk_to_each_other(person: Person, verdict: Verdict) -> None:
    assert judge_words(person, POLICY) is verdict


def test_the_wait_is_what_is_left_of_the_cooldown() -> None:
    assert wait_seconds(Person(last_song_at=NOW - 45), POLICY, NOW) == 15
    assert wait_seconds(Person(), POLICY, NOW) == 0
