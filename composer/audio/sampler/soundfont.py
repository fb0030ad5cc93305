"""SoundFont reader: which recordings an instrument plays at a key and a velocity, with which parameters.

Follows the SoundFont Technical Specification 2.04 (E-mu, 2006); SF3 files store each recording as Ogg Vorbis. Files
are memory-mapped, so all processes of a machine share their pages.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.audio.sampler.modulators import ATTENUATION, DEFAULTS, Modulator, ModulatorKey, modulators, sum_of, total
from composer.audio.sampler.sample_cache import decoded_samples
from composer.errors import RefusedError

DRUM_BANK = 128
"""The bank that holds drum kits."""

Generators = dict[int, int]
"""Generator number → signed amount, as in section 8.1.3 of the specification."""
Recording = NDArray[np.int16]
"""One channel of recorded sound, (samples,), full scale ±32,768."""

_START, _END, _LOOP_START, _LOOP_END, _START_COARSE = 0, 1, 2, 3, 4
_END_COARSE, _LOOP_START_COARSE, _LOOP_END_COARSE = 12, 45, 50
_INSTRUMENT, _KEY_RANGE, _VELOCITY_RANGE, _SAMPLE_ID, _LOOP_MODE = 41, 43, 44, 53, 54
_COARSE_TUNE, _FINE_TUNE, _ROOT_KEY = 51, 52, 58
_FULL_RANGE = 0x7F00
_COMPRESSED = 0x10
"""Flag of a sample's type in SF3: start and end are byte offsets of an Ogg Vorbis stream, loop points its samples."""
_NOT_ADDED = frozenset({_INSTRUMENT, _KEY_RANGE, _VELOCITY_RANGE, _SAMPLE_ID})
"""Generators that a preset's zone does not add to its instrument's."""
_TIMECENTS_ZERO = -12_000
_TIMES = (21, 23, 25, 26, 27, 28, 30, 33, 34, 35, 36, 38)
_DEFAULTS: Generators = {8: 13_500, 56: 100, _ROOT_KEY: -1, **dict.fromkeys(_TIMES, _TIMECENTS_ZERO)}

_VELOCITY_STEP = 16
"""Velocities that share a voice, so that it is rendered once."""

_MODULATOR = np.dtype(
    [("source", "<u2"), ("destination", "<u2"), ("amount", "<i2"), ("amount_source", "<u2"), ("transform", "<u2")]
)
_RECORDS = {
    "phdr": np.dtype([("name", "S20"), ("preset", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("unused", "<u4", 3)]),
    "pbag": np.dtype([("gen", "<u2"), ("mod", "<u2")]),
    "pmod": _MODULATOR,
    "pgen": np.dtype([("oper", "<u2"), ("amount", "<i2")]),
    "inst": np.dtype([("name", "S20"), ("bag", "<u2")]),
    "ibag": np.dtype([("gen", "<u2"), ("mod", "<u2")]),
    "imod": _MODULATOR,
    "igen": np.dtype([("oper", "<u2"), ("amount", "<i2")]),
    "shdr": np.dtype(
        [("name", "S20"), ("start", "<u4"), ("end", "<u4"), ("loop_start", "<u4"), ("loop_end", "<u4"),
         ("rate", "<u4"), ("pitch", "u1"), ("correction", "i1"), ("link", "<u2"), ("type", "<u2")]
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """One recording with the keys and velocities that it serves; ranges are (lowest, highest), both included.

    ``loop``: (begin, end) in samples of the recording, ``None`` if it plays once. ``modulators``: those of all
    generators but the attenuation, which ``attenuators`` hold.
    """

    number: int
    keys: tuple[int, int]
    velocities: tuple[int, int]
    read: Callable[[], Recording]
    loop: tuple[int, int] | None
    sample_rate: int
    root_key: int
    tuning_cents: int
    generators: Generators
    modulators: tuple[Modulator, ...] = ()
    attenuators: tuple[Modulator, ...] = ()

    @property
    def recording(self) -> Recording:
        """The recorded samples (samples,), a read-only view of a memory-mapped file; SF3 decodes them first."""
        return self.read()

    def amount(self, generator: int) -> int:
        """Return a generator's amount, or the specification's default."""
        return self.generators.get(generator, _DEFAULTS.get(generator, 0))

    def seconds(self, generator: int) -> float:
        """Return a generator in timecents as seconds; 0 for its lowest value."""
        cents = self.amount(generator)
        return 0.0 if cents <= _TIMECENTS_ZERO else float(2 ** (cents / 1200))

    def matches(self, key: int, velocity: int) -> bool:
        """Return whether this recording sounds for a note of ``key`` and ``velocity``."""
        return self.keys[0] <= key <= self.keys[1] and self.velocities[0] <= velocity <= self.velocities[1]

    def gain(self, key: int, velocity: int) -> float:
        """Return the amplitude that a note's velocity and key give: the square of velocity / 127 by default."""
        return float(10 ** (-total(self.attenuators, key, velocity) / 200))

    def modulated(self, key: int, velocity: int) -> Region:
        """Return the region as its modulators set it for a note, its gain left out; the same object for like notes."""
        if not self.modulators:
            return self
        follows_key = any(each.follows_key for each in self.modulators)
        return _modulated(self, key if follows_key else 0, velocity // _VELOCITY_STEP)


class SoundFont:
    """A memory-mapped SoundFont. Raises `RefusedError` for a file that is not one."""

    def __init__(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            chunks = dict(_chunks(memoryview(data)))
            chunks = {"pmod": memoryview(b""), "imod": memoryview(b"")} | chunks
            self._tables = {name: np.frombuffer(chunks[name], dtype) for name, dtype in _RECORDS.items()}
            self._samples = chunks["smpl"]
        except (OSError, KeyError, ValueError, struct.error) as error:
            raise RefusedError(f"{path} is not a SoundFont 2 or 3 file that can be read: {error}") from error
        headers = self._tables["phdr"][:-1]
        self._presets = {(int(head["bank"]), int(head["preset"])): index for index, head in enumerate(headers)}

    @property
    def kits(self) -> tuple[int, ...]:
        """The programs of the font's drum kits, ascending."""
        return tuple(sorted(program for bank, program in self._presets if bank == DRUM_BANK))

    @lru_cache(maxsize=64)  # noqa: B019  (fonts are few, and kept for the life of the process)
    def regions(self, program: int, *, is_drum: bool) -> tuple[Region, ...]:
        """Return the regions of a program (0–127) or drum kit.

        A missing preset is replaced by the first of its group of eight, then by program 0.
        """
        bank = DRUM_BANK if is_drum else 0
        candidates = ((bank, program), (bank, program // 8 * 8), (bank, 0))
        index = next((self._presets[key] for key in candidates if key in self._presets), None)
        return tuple(self._regions(index)) if index is not None else ()

    def _regions(self, preset: int) -> Iterator[Region]:
        for outer, added in self._zones("p", *self._bags("phdr", preset), _INSTRUMENT):
            for inner, amounts in self._zones("i", *self._bags("inst", outer[_INSTRUMENT]), _SAMPLE_ID):
                keys = _intersection(outer, inner, _KEY_RANGE)
                velocities = _intersection(outer, inner, _VELOCITY_RANGE)
                if keys[0] <= keys[1] and velocities[0] <= velocities[1]:
                    region = self._region(outer, inner, keys, velocities)
                    found = modulators(sum_of(DEFAULTS | amounts, added))
                    yield replace(
                        region,
                        modulators=tuple(each for each in found if each.destination != ATTENUATION),
                        attenuators=tuple(each for each in found if each.destination == ATTENUATION),
                    )

    def _bags(self, table: str, index: int) -> tuple[int, int]:
        headers = self._tables[table]
        return int(headers["bag"][index]), int(headers["bag"][index + 1])

    def _zones(
        self, kind: str, first: int, stop: int, target: int
    ) -> Iterator[tuple[Generators, dict[ModulatorKey, int]]]:
        """Yield the zones of a preset or instrument that have a ``target``, merged over its global zone."""
        bags, amounts, mods = (self._tables[f"{kind}{table}"] for table in ("bag", "gen", "mod"))
        shared: tuple[Generators, dict[ModulatorKey, int]] = ({}, {})
        for index, (bag, following) in enumerate(pairwise(bags[first : stop + 1])):
            own = {int(g["oper"]): int(g["amount"]) for g in amounts[int(bag["gen"]) : int(following["gen"])]}
            moved = {_modulator_key(m): int(m["amount"]) for m in mods[int(bag["mod"]) : int(following["mod"])]}
            if target in own:
                yield shared[0] | own, shared[1] | moved
            elif index == 0:
                shared = own, moved

    def _region(
        self, outer: Generators, inner: Generators, keys: tuple[int, int], velocities: tuple[int, int]
    ) -> Region:
        merged = dict(inner)
        for oper, amount in outer.items():
            if oper not in _NOT_ADDED:
                merged[oper] = merged.get(oper, _DEFAULTS.get(oper, 0)) + amount
        header = self._tables["shdr"][inner[_SAMPLE_ID]]
        first, last, loop_begin, loop_end = (
            inner.get(fine, 0) + 32_768 * inner.get(coarse, 0)
            for fine, coarse in (
                (_START, _START_COARSE), (_END, _END_COARSE),
                (_LOOP_START, _LOOP_START_COARSE), (_LOOP_END, _LOOP_END_COARSE),
            )
        )  # fmt: skip
        # Loop points count from the recording's first sample in SF3, from the chunk's in SF2.
        origin = 0 if header["type"] & _COMPRESSED else int(header["start"])
        begin = int(header["loop_start"]) - origin + loop_begin - first
        end = int(header["loop_end"]) - origin + loop_end - first
        root = merged.get(_ROOT_KEY, -1)
        return Region(
            number=inner[_SAMPLE_ID],
            keys=keys,
            velocities=velocities,
            read=partial(self._recording, inner[_SAMPLE_ID], first, last),
            loop=(begin, end) if inner.get(_LOOP_MODE, 0) & 1 and 0 <= begin < end else None,
            sample_rate=int(header["rate"]),
            root_key=root if root >= 0 else int(header["pitch"]),
            tuning_cents=100 * merged.get(_COARSE_TUNE, 0) + merged.get(_FINE_TUNE, 0) + int(header["correction"]),
            generators=merged,
        )

    def _recording(self, number: int, first: int, last: int) -> Recording:
        """Return sample ``number`` with ``first`` samples cut off its beginning and ``last`` added to its end."""
        header = self._tables["shdr"][number]
        start, end = int(header["start"]), int(header["end"])
        if header["type"] & _COMPRESSED:
            whole = decoded_samples(bytes(self._samples[start:end]))
            return whole[max(first, 0) : len(whole) + min(last, 0)]
        begin, stop = max(start + first, 0), min(max(end + last, 0), len(self._samples) // 2)
        return np.frombuffer(self._samples, "<i2", max(stop - begin, 0), 2 * begin)


@lru_cache(maxsize=2048)
def _modulated(region: Region, key: int, velocity_step: int) -> Region:
    """Return ``region`` with the generators that its modulators set, at the middle velocity of a step."""
    velocity = velocity_step * _VELOCITY_STEP + _VELOCITY_STEP // 2
    generators = dict(region.generators)
    for each in region.modulators:
        amount = generators.get(each.destination, _DEFAULTS.get(each.destination, 0))
        generators[each.destination] = amount + round(each.value(key, velocity))
    return replace(region, generators=generators, modulators=())


def _modulator_key(record: Any) -> ModulatorKey:
    names = ("source", "destination", "amount_source", "transform")
    source, destination, amount_source, transform = (int(record[name]) for name in names)
    return source, destination, amount_source, transform


@lru_cache(maxsize=2)
def load(path: Path, changed: int) -> SoundFont:  # noqa: ARG001  (part of the key: a replaced font is read again)
    """Return the font at ``path`` as of its modification time ``changed`` (ns), cached."""
    return SoundFont(path)


def _intersection(outer: Generators, inner: Generators, kind: int) -> tuple[int, int]:
    (low, high), (other_low, other_high) = _range(outer, kind), _range(inner, kind)
    return max(low, other_low), min(high, other_high)


def _range(generators: Generators, kind: int) -> tuple[int, int]:
    packed = generators.get(kind, _FULL_RANGE) & 0xFFFF
    return packed & 0xFF, packed >> 8


def _chunks(data: memoryview) -> Iterator[tuple[str, memoryview]]:
    """Yield (name, content) of every chunk inside the RIFF file's lists."""
    if bytes(data[:4]) != b"RIFF" or bytes(data[8:12]) != b"sfbk":
        raise ValueError("it does not begin as one")
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"LIST":
            at += 12
            continue
        yield name.decode("ascii", "replace"), data[at + 8 : at + 8 + size]
        at += 8 + size
        # Some SF3 writers leave out the pad byte of chunks of odd size; no chunk's name begins with a zero.
        at += size % 2 and bytes(data[at : at + 1]) == b"\0"
