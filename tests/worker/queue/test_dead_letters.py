import pytest

from worker.client import DeadLetters, Queues, dead_letter_lists
from worker.queue import dead_letters


def test_a_letter_is_kept_once_and_listed_the_oldest_first(queues: Queues) -> None:
    letters = DeadLetters(queues.connection, "x")
    first = letters.add("event", {"id": None}, "id is\nnot a number")
    letters.add("event", {"id": 2}, "no text")
    assert letters.add("event", {"id": None}, "again").id == first.id
    assert {letter.item["id"] for letter in letters.all()} == {None, 2}
    assert letters.count() == 2
    assert [each.name for each in dead_letter_lists(queues.connection)] == ["x"]


def test_a_requeued_letter_goes_to_its_consumer_and_leaves_the_list(queues: Queues) -> None:
    letters = DeadLetters(queues.connection, "x")
    letter = letters.add("event", {"id": 1}, "bad")
    assert letters.requeue(letter.id)
    assert not letters.requeue(letter.id)
    assert (letters.count(), [taken.item for taken in letters.take_requeued()]) == (0, [{"id": 1}])
    assert list(letters.take_requeued()) == []


def test_a_requeued_letter_whose_consumer_died_is_taken_again(queues: Queues) -> None:
    letters = DeadLetters(queues.connection, "x")
    letters.requeue(letters.add("event", {"id": 1}, "bad").id)
    next(letters.take_requeued())
    assert len(list(letters.take_requeued())) == 1


def test_a_discarded_letter_is_gone(queues: Queues) -> None:
    letters = DeadLetters(queues.connection, "x")
    letter = letters.add("event", {"id": 1}, "bad")
    assert letters.discard(letter.id)
    assert not letters.discard(letter.id)
    assert letters.all() == []


def test_the_list_is_bounded_in_number_and_size(queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "MAX_LETTERS", 3)
    letters = DeadLetters(queues.connection, "x")
    for number in range(5):
        letters.add("event", {"id": number}, "bad")
    big = letters.add("event", {"text": "x" * (dead_letters.MAX_ITEM_BYTES + 1)}, "bad")
    assert letters.count() == 3
    assert big.item is None
    assert not letters.requeue(big.id)
