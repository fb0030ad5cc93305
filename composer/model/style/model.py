"""The style model in numpy: what the notes of a song and of its parts tend to be, as two latent vectors.

    p(statistics) = ∫ p(song | genre, band) · Π_parts p(part | song, genre, band) · p(statistics | song, parts, genre)

A hierarchical variational autoencoder (Kingma & Welling 2014); ``training.style`` trains it. Statistics are attribute
histograms (``midi_data.analysis.attribute_histograms``), time shifts, ranges, voices and the grid of onsets.

Every product is of multiples of 2^−16, so sums are exact in double precision and do not depend on their order.

Shape letters: P parts, K latent width, A histogram bins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.exact import RandomNumbers
from composer.model.style.config import PART_WIDTH, SONG_WIDTH, STYLE_PREFIX, SUMMARY
from composer.model.style.features import (
    part_classes,
    range_columns,
    shares_allowed,
    stated_from,
    stated_of,
    without_pitched_tones,
)
from composer.model.style.prior import Floats, sample_prior
from midi_data.analysis.attribute_histograms import ATTRIBUTES, FULL, TIME_SHIFT_BINS
from midi_data.events.encoding import Ints
from midi_data.song import TICKS_PER_QUARTER

LOG_STD_LIMITS = (-6.0, 2.0)
FORBIDDEN = -1e4
"""Logit of a bin that a part cannot have."""
_BITS = 2.0**16
_WIDTHS = np.array(list(ATTRIBUTES.values()))
_FIRST = np.cumsum(_WIDTHS) - _WIDTHS


@dataclass(frozen=True, slots=True, eq=False)
class Style:
    """A point of the style space: ``song`` (K,) and ``parts`` (P, K)."""

    song: Floats
    parts: Floats


@dataclass(frozen=True, slots=True, eq=False)
class DecodedStyle:
    """Statistics of a style.

    ``shares`` (P, 255) and ``time_shift`` (21,): multiples of 1 / ``FULL`` that add to 1 by attribute; 0 for pitch
    classes of pitched parts and melodic steps of drums. (P,) ``lowest`` and ``highest`` pitch class, ``softest`` and
    ``loudest`` velocity class, ``voices`` at once. ``grid`` (24,): probability that a tick of the quarter is used.
    """

    shares: Floats
    time_shift: Floats
    lowest: Ints
    highest: Ints
    softest: Ints
    loudest: Ints
    voices: Ints
    grid: Floats


def interpolate(a: Style, b: Style, weight: float) -> Style:
    """The style on the line from ``a`` (weight 0) to ``b`` (1), of the same band."""
    return Style(_rounded(a.song + weight * (b.song - a.song)), _rounded(a.parts + weight * (b.parts - a.parts)))


def draw_style(mean: Style, std: Style, generator: RandomNumbers) -> Style:
    """A style around ``mean`` with standard deviations ``std``, as ``StyleModel.encode`` returns them."""
    song = mean.song + std.song * _rounded(generator.standard_normal(mean.song.shape))
    return Style(
        _rounded(song), _rounded(mean.parts + std.parts * _rounded(generator.standard_normal(mean.parts.shape)))
    )


def style_noise(parts: int, generator: RandomNumbers) -> tuple[Floats, Floats]:
    """Noise of a song (1, K, 2) and of its parts (P, K, 2): uniform and Gaussian numbers."""
    shape = (1 + parts, SONG_WIDTH)
    both = np.stack([generator.random(shape), generator.standard_normal(shape)], axis=-1)
    return _rounded(both[:1]), _rounded(both[1:])


class StyleModel:
    """Encodes, decodes and samples styles. Holds weights only.

    ``genres`` of every method: rows of the checkpoint's genres with weights; an empty mapping is an unknown genre.
    ``band``: part classes, rising.
    """

    def __init__(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """``weights`` by name, as the torch module's ``state_dict``."""
        self._w = {name: _rounded(np.asarray(weight, dtype=np.float64)) for name, weight in weights.items()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> StyleModel:
        """The model of tensors with or without ``STYLE_PREFIX`` before their names."""
        return cls({name.removeprefix(STYLE_PREFIX): tensor for name, tensor in tensors.items()})

    def knows(self, genre: int) -> bool:
        """Whether row ``genre`` of the checkpoint's genres has an embedding."""
        return 1 + genre < len(self._w["genre.weight"])

    def sample(
        self, genres: Mapping[int, float], band: tuple[int, ...], generator: RandomNumbers, spread: float = 1.0
    ) -> Style:
        """A style of the prior; ``spread`` scales the noise within components."""
        song, parts = style_noise(len(band), generator)
        scale = np.array([1.0, spread])
        return self.style_of_noise(song * scale, parts * scale, genres, band)

    def style_of_noise(self, song: Floats, parts: Floats, genres: Mapping[int, float], band: Sequence[int]) -> Style:
        """The style that ``style_noise`` stands for in the prior of ``genres``.

        Parts are drawn in the order of the band, each given the song and the parts before it.
        """
        genre, embedded = self._genre(genres), self._parts(band)
        pooled = _rounded(embedded.mean(axis=0))
        context = np.concatenate([genre, pooled])[None]  # (1, C)
        found = sample_prior(self._w, "song_prior", song, context, _rounded)[0]  # (K,)
        own = np.zeros(parts.shape[:2])
        summary, last = np.zeros(SUMMARY), np.zeros(PART_WIDTH)
        for index, part in enumerate(embedded):
            before = [_rounded(summary / max(index, 1)), last, [float(index == 0)]]
            context = np.concatenate([genre, pooled, found, part, *before])[None]
            last = own[index] = sample_prior(self._w, "part_prior", parts[index : index + 1], context, _rounded)[0]
            summary = summary + np.maximum(self._linear("summary", np.concatenate([last, part])[None])[0], 0)
        return Style(found, own)

    def encode(
        self,
        shares: Floats,
        time_shift: Floats,
        band: Sequence[int],
        genres: Mapping[int, float],
        masks: Ints | None = None,
    ) -> tuple[Style, Style]:
        """Means and standard deviations of the posterior of statistics.

        ``shares`` (P, 255) and ``time_shift`` (21,) between 0 and 1. ``masks`` (82,):
        ``midi_data.analysis.activity.masks_of``, if known.
        """
        count = len(band)
        genre, embedded = np.tile(self._genre(genres), (count, 1)), self._parts(band)
        stated = np.zeros((count, 6))
        grid = np.zeros(1 + TICKS_PER_QUARTER)
        if masks is not None:
            values, ticks = stated_of(masks, count)
            stated = np.hstack([range_columns(values, band), np.ones((count, 1))])
            grid = np.append(ticks, 1.0)
        roots = np.sqrt(without_pitched_tones(shares, band))
        parts = self._hidden("parts_in", np.hstack([roots, stated, embedded, genre]))  # (P, H)
        song = np.concatenate([parts.mean(axis=0), np.sqrt(time_shift), grid, genre[0]])
        song = self._hidden("song_in", song[None])  # (1, H)
        own = self._hidden("part_in", np.hstack([parts, np.tile(song, (count, 1))]))
        song_mean, song_log = np.split(self._linear("song_out", song)[0], 2)
        part_mean, part_log = np.split(self._linear("part_out", own), 2, axis=1)
        return Style(song_mean, part_mean), Style(_std(song_log), _std(part_log))

    def decode(self, style: Style, band: Sequence[int], genres: Mapping[int, float]) -> DecodedStyle:
        """The statistics that ``style`` stands for."""
        genre, embedded = self._genre(genres), self._parts(band)
        shared = np.tile(np.concatenate([style.song, genre]), (len(band), 1))
        hidden = self._hidden("decode_in", np.hstack([shared, style.parts, embedded]))
        hidden = _rounded(hidden + self._hidden("decode_inner", hidden))  # (P, H)
        is_drum = part_classes(band)[:, 0] == 0
        shares = _shares(self._linear("shares_out", hidden), shares_allowed(is_drum))
        stated = stated_from(self._linear("ranges_out", hidden), band)
        song = np.concatenate([hidden.mean(axis=0), style.song, genre])
        song = self._linear("band_out", self._hidden("band_in", song[None]))[0]  # (21 + 24,)
        time_shift = _on_histogram_grid(
            _softmax(song[None, :TIME_SHIFT_BINS], np.array([0]), np.array([TIME_SHIFT_BINS]))[0]
        )
        grid = _rounded(1 / (1 + np.exp(-song[TIME_SHIFT_BINS:])))
        lowest, highest, softest, loudest, voices = stated.T
        return DecodedStyle(shares, time_shift, lowest, highest, softest, loudest, voices, grid)

    def _genre(self, genres: Mapping[int, float]) -> Floats:
        """(E,) the weighted mean of the genres' embeddings."""
        table = self._w["genre.weight"]
        mean = table[0] if not genres else np.zeros(table.shape[1])
        for row, weight in sorted(genres.items()):
            mean = mean + weight / sum(genres.values()) * table[1 + row]
        return _rounded(mean)

    def _parts(self, band: Sequence[int]) -> Floats:
        """(P, E) embeddings of the parts."""
        family, program, occurrence = part_classes(band).T
        w = self._w
        found: Floats = w["family.weight"][family] + w["program.weight"][program] + w["occurrence.weight"][occurrence]
        return found

    def _linear(self, name: str, x: Floats) -> Floats:
        return _rounded(_rounded(x) @ self._w[f"{name}.weight"].T + self._w[f"{name}.bias"])

    def _hidden(self, name: str, x: Floats) -> Floats:
        """A linear layer and GELU, tanh form."""
        x = self._linear(name, x)
        return _rounded(0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x * x * x))))


def _rounded(values: Floats) -> Floats:
    """``values`` as multiples of 2^−16."""
    found: Floats = np.rint(values * _BITS) / _BITS
    return found


def _std(log: Floats) -> Floats:
    return _rounded(np.exp(np.clip(log, *LOG_STD_LIMITS)))


def _softmax(logits: Floats, first: Ints, widths: Ints) -> Floats:
    """(P, ·) softmax over each run of columns that begins at ``first`` and is ``widths`` wide."""
    weights = np.exp(logits - np.repeat(np.maximum.reduceat(logits, first, axis=1), widths, axis=1))
    found: Floats = weights / np.repeat(np.add.reduceat(weights, first, axis=1), widths, axis=1)
    return found


def _shares(logits: Floats, allowed: NDArray[np.bool_]) -> Floats:
    """(P, A) a softmax for each attribute over its ``allowed`` (P, A) bins; 0 where none is."""
    shares = _softmax(np.where(allowed, logits, FORBIDDEN), _FIRST, _WIDTHS)
    return _on_histogram_grid(shares) * allowed


def _on_histogram_grid(shares: Floats) -> Floats:
    """``shares`` as multiples of 1 / ``FULL``, as a piece's histograms are."""
    found: Floats = np.rint(shares * FULL) / FULL
    return found
