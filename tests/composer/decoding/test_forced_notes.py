"""Parts that repeat a bar exactly play its notes again; the others are sampled among them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from composer.decoding.generate import Composer, NoteRows
from composer.planning.plan import Plan, plan_song
from composer.request import ComposeRequest
from midi_data.analysis.repetition import NEW
from midi_data.song import Song
from tests.composer.checkpoints import tiny_checkpoint

SAME_1_BAR_BACK, SAME_2_BARS_BACK = 4, 7
PLAYS = 5


class RecordingComposer(Composer):
    """Keeps the notes of each song as they were generated, by seed."""

    def _song(self, notes: NoteRows, plan: Plan) -> Song:
        self.generated[plan.seed] = notes
        return super()._song(notes, plan)

    generated: dict[int, NoteRows]

    def notes(self, *plans: Plan) -> list[NoteRows]:
        """(N, 5) notes of the song of each plan."""
        self.generated = {}
        self.compose(plans)
        return [self.generated[plan.seed] for plan in plans]


@pytest.fixture(scope="module")
def composer() -> RecordingComposer:
    return RecordingComposer(tiny_checkpoint())


def plan_of(composer: Composer, seed: int, labels: dict[int, list[int]]) -> Plan:
    """A plan in which all parts play in every bar; ``labels``: by part, from the first bar on, then new."""
    request = ComposeRequest(genres={"heavy-metal": 1.0}, length_seconds=16, tempo_bpm=120, seed=seed)
    plan = plan_song(request, composer.checkpoint)
    repetition = np.full((plan.bars, len(plan.band)), NEW, dtype=np.uint8)
    for part, own in labels.items():
        repetition[: len(own), plan.band.index(part)] = own
    activity = np.full_like(plan.activity, PLAYS)
    return replace(plan, part_repetition=repetition, activity=activity, repetition=(NEW,) * plan.bars)


def bar(notes: NoteRows, part: int, number: int, ticks: int) -> list[list[int]]:
    """(tick in the bar, pitch, duration, velocity) of a part's notes in a bar."""
    own = notes[(notes[:, 1] == part) & (notes[:, 0] // ticks == number)]
    return np.column_stack([own[:, 0] % ticks, own[:, 2:]]).tolist()


@pytest.mark.parametrize("seed", range(4))
def test_a_part_that_is_the_same_plays_the_notes_of_its_source_and_others_do_not(
    composer: RecordingComposer, seed: int
) -> None:
    plan = plan_of(composer, seed, {})
    ticks, [first] = plan.meter.bar_ticks, composer.notes(plan)
    repeating = next(part for part in plan.band if bar(first, part, 0, ticks))  # a new bar 0 stays as it is
    [notes] = composer.notes(plan_of(composer, seed, {repeating: [NEW, SAME_1_BAR_BACK, NEW, SAME_2_BARS_BACK]}))
    played = [bar(notes, repeating, number, ticks) for number in range(4)]
    assert played[0] == bar(first, repeating, 0, ticks)
    assert played[1] == played[0] == played[3]
    others = [[bar(notes, part, number, ticks) for part in plan.band if part != repeating] for number in range(8)]
    assert any(others[number] != others[0] for number in range(1, 8))


def test_a_part_can_repeat_to_the_end_of_the_song(composer: RecordingComposer) -> None:
    plan = plan_of(composer, 3, {})
    ticks, [first] = plan.meter.bar_ticks, composer.notes(plan)
    repeating = next(part for part in plan.band if bar(first, part, 0, ticks))
    [notes] = composer.notes(plan_of(composer, 3, {repeating: [NEW] + [SAME_1_BAR_BACK] * (plan.bars - 1)}))
    begun = [[row[:2] for row in bar(notes, repeating, number, ticks)] for number in range(plan.bars)]
    assert begun == [begun[0]] * plan.bars


def test_notes_are_the_same_alone_and_in_a_batch(composer: RecordingComposer) -> None:
    plans = []
    for seed in range(3):
        plan = plan_of(composer, seed, {})
        labels = np.full_like(plan.part_repetition, SAME_1_BAR_BACK)
        labels[0] = NEW
        plans.append(replace(plan, part_repetition=labels))
    together = composer.notes(*plans)
    for plan, notes in zip(plans, together, strict=True):
        assert np.array_equal(composer.notes(plan)[0], notes)
