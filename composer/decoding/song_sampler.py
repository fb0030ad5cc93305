"""One song of a batch: its plan, its writer and its generator; each logits in, the class chosen out.

Compiled where a compiler was at hand (``midi_data.compiled``): this is asked five times a note.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from composer.decoding.constraints import Classes
from composer.decoding.histogram_bias import HistogramBias
from composer.decoding.note_count_bias import NoteCountBias
from composer.decoding.repetition_bias import RepetitionBias
from composer.decoding.sampling import EmbeddingSpace, choose
from composer.decoding.sampling_parameters import RETURNING, SamplingParameters
from composer.decoding.song_state import SongState
from composer.model.attribute_projections import AttributeProjections
from composer.model.heads import Heads, OwnOut
from composer.planning.plan import Plan
from midi_data.analysis.repetition import similarity_level
from midi_data.events.encoding import FIELDS, VOCABULARY
from midi_data.events.features import LAGS


class SongSampler:
    """See the module's docstring."""

    def __init__(
        self,
        plan: Plan,
        how: SamplingParameters,
        embedding_spaces: Mapping[str, EmbeddingSpace],
        told: NDArray[np.float32],
        inclined: AttributeProjections,
        heads: Heads,
    ) -> None:
        """``told`` (bars, G) is added to the gates bar by bar, and what is ``inclined`` after each part's notes."""
        self.plan = plan
        self._similarity_levels: list[int] = similarity_level(np.array(plan.repetition)).tolist()
        self._hows = [how.times(ratio) for ratio in RETURNING]
        self._returned = RepetitionBias(plan.band, plan.part_repetition, plan.repetition_strength)
        self._leaning = HistogramBias(plan.attribute_histograms, plan.time_shift_histogram)
        self._amounts = NoteCountBias(plan.band, plan.activity, plan.meter.bar_ticks)
        self._embedding_spaces = embedding_spaces
        self.writer = SongState(
            plan.band,
            plan.meter,
            plan.bars,
            plan.pitch_dropout,
            plan.primer,
            plan.activity,
            plan.masks,
            plan.source_lag,
        )
        self._generator = np.random.Generator(np.random.PCG64(plan.seed))
        self._part_out = heads.part_out(plan.band, inclined)
        pitches = {part: self.writer.constraints.pitches_of(part) for part in plan.band}
        self._pitch_outs = {part: heads.own_out("pitch", own) for part, own in pitches.items()}
        self._pitch_places = {part: _places(own) for part, own in pitches.items()}
        self._told, self._inclined = told[:, None], inclined
        self._told_sums: dict[tuple[int, int], NDArray[np.float32]] = {}
        self._place = {part: place for place, part in enumerate(plan.band)}
        first = len(plan.band) + len(LAGS)  # the part's logits end with a bonus for each level
        self._levels = [{p: first + n for p, n in zip(plan.band, row, strict=True)} for row in plan.activity.tolist()]

    @property
    def told_now(self) -> NDArray[np.float32]:
        """(1, G): what is told in the bar of the event before, after a note of its part."""
        bar, slot = self.writer.bar, self._place.get(self.writer.part_before, -1) + 1
        known = self._told_sums.get((bar, slot))
        if known is None:
            known = self._told_sums[bar, slot] = self._told[bar] + self._inclined.before[slot]
        return known

    @property
    def inclination(self) -> NDArray[np.float32]:
        """(3 W,): what the part just chosen tends to, for the heads that follow."""
        row: NDArray[np.float32] = self._inclined.inner[self._place[self.writer.part] + 1]
        return row

    def out(self, field: str) -> OwnOut:
        """The head of ``field`` for this song's band, or for the pitches of the part just chosen."""
        return self._part_out if field == "part" else self._pitch_outs[self.writer.part]

    def take(self, field: str, logits: list[float]) -> int:
        """Choose the class of ``field`` and tell it: the primer's while there is one, else a drawn one.

        ``logits`` as in ``Heads.logits``; what the looks add is added here.
        """
        writer = self.writer
        chosen = writer.forced(field)
        if chosen is None:
            allowed = writer.allowed(field)
            own = self._logits(field, logits, allowed)
            bar = writer.bar_after
            level = self._similarity_levels[bar] if writer.part < 0 else self._returned.level(bar, writer.part)
            self._leaning.lean(field, allowed, own, writer.part, writer.tick, level)
            self._lean_back(field, allowed, own, bar)
            how = self._hows[level]
            chosen = choose(own, allowed, how, self.plan.sampling, self._generator, self._embedding_spaces[field])
        writer.choose(chosen)
        played = writer.note_played if field == FIELDS[-1] else None
        if played:
            tick, part, pitch, duration, velocity = played
            self._leaning.heard(tick, part, pitch, duration, velocity)
            self._amounts.heard(part)
        return chosen

    def _lean_back(self, field: str, allowed: Classes, logits: list[float], bar: int) -> None:
        """Add to what the parts' sources held."""
        writer, returned = self.writer, self._returned
        if field == "part":
            self._amounts.lean(allowed, logits, writer.tick, bar)
            returned.lean_part(allowed, logits, writer.looked, bar)
        elif field != "time_shift":
            returned.lean_note(allowed, logits, writer.looked, bar, writer.part)

    def _logits(self, field: str, logits: list[float], allowed: Classes) -> list[float]:
        """The logits of the classes ``allowed``, with what looks add, of parts what levels add."""
        if field == "pitch":
            return self._own(logits, self._pitch_places[self.writer.part], allowed)
        if field == "part":
            own, level = self._own(logits, self._place, allowed), self._levels[self.writer.bar_after]
            for index, part in enumerate(allowed):
                own[index] += logits[level[part]]
            return own
        classes = VOCABULARY[field]
        for lag, look in enumerate(self.writer.looked):
            if look != classes:
                logits[look] += logits[classes + lag]
        if field == "time_shift":
            self.writer.constraints.fold_eos(logits, self.writer.context)
        return [logits[each] for each in allowed]

    def _own(self, logits: list[float], place: dict[int, int], allowed: Classes) -> list[float]:
        """The same where only some classes have logits, each at its ``place``."""
        first = len(place)
        for lag, look in enumerate(self.writer.looked):
            if look in place:
                logits[place[look]] += logits[first + lag]
        return [logits[place[each]] for each in allowed]


def _places(classes: Classes) -> dict[int, int]:
    return {each: place for place, each in enumerate(classes)}
