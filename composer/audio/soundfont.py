"""Reading SoundFont 2 files: which recorded samples an instrument plays at a key and a velocity, and how.

After the SoundFont Technical Specification 2.04 (E-mu, 2006). Knows the file format only; deliberately does not know
how samples become sound.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.errors import RefusedError

DRUM_BANK = 128
"""The bank in which SoundFonts keep their drum kits."""

Generators = dict[int, int]
"""Generator number → signed amount, as in section 8.1.3 of the specification."""

_START, _END, _LOOP_START, _LOOP_END, _START_COARSE = 0, 1, 2, 3, 4
_END_COARSE, _LOOP_START_COARSE, _LOOP_END_COARSE = 12, 45, 50
_INSTRUMENT, _KEY_RANGE, _VELOCITY_RANGE, _SAMPLE_ID = 41, 43, 44, 53
_WHOLE_RANGE = 0x7F00
_NOT_ADDED = frozenset({_INSTRUMENT, _KEY_RANGE, _VELOCITY_RANGE, _SAMPLE_ID})
"""What a preset's zone says for itself; all its other amounts are added to its instrument's."""
_TIMECENTS_ZERO = -12_000
_TIMES = (21, 23, 25, 26, 27, 28, 30, 33, 34, 35, 36, 38)
_DEFAULTS: Generators = {8: 13_500, 56: 100, 58: -1, **dict.fromkeys(_TIMES, _TIMECENTS_ZERO)}

_RECORDS = {
    "phdr": np.dtype([("name", "S20"), ("preset", "<u2"), ("bank", "<u2"), ("bag", "<u2"), ("unused", "<u4", 3)]),
    "pbag": np.dtype([("gen", "<u2"), ("mod", "<u2")]),
    "pgen": np.dtype([("oper", "<u2"), ("amount", "<i2")]),
    "inst": np.dtype([("name", "S20"), ("bag", "<u2")]),
    "ibag": np.dtype([("gen", "<u2"), ("mod", "<u2")]),
    "igen": np.dtype([("oper", "<u2"), ("amount", "<i2")]),
    "shdr": np.dtype(
        [("name", "S20"), ("start", "<u4"), ("end", "<u4"), ("loop_start", "<u4"), ("loop_end", "<u4"),
         ("rate", "<u4"), ("pitch", "u1"), ("correction", "i1"), ("link", "<u2"), ("type", "<u2")]
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """One sample under the keys (0–127) and velocities it is for. Ranges are (lowest, highest), both included.

    ``wave`` is the recording, full scale ±1; ``loop`` (begin, end) in its samples, ``None`` where it plays once.
    """

    number: int
    keys: tuple[int, int]
    velocities: tuple[int, int]
    wave: NDArray[np.float32]
    loop: tuple[int, int] | None
    sample_rate: int
    root_key: int
    tuning_cents: int
    generators: Generators

    def amount(self, generator: int) -> int:
        """A generator's amount; the specification's default where the file has none."""
        return self.generators.get(generator, _DEFAULTS.get(generator, 0))

    def seconds(self, generator: int) -> float:
        """A generator in timecents as seconds; 0 where it says the least it can."""
        cents = self.amount(generator)
        return 0.0 if cents <= _TIMECENTS_ZERO else float(2 ** (cents / 1200))

    def answers(self, key: int, velocity: int) -> bool:
        """Whether this sample sounds for a note of ``key`` and ``velocity``."""
        return self.keys[0] <= key <= self.keys[1] and self.velocities[0] <= velocity <= self.velocities[1]


class SoundFont:
    """A SoundFont in memory. Raises `RefusedError` for a file that is not one."""

    def __init__(self, path: Path) -> None:
        try:
            chunks = dict(_chunks(path.read_bytes()))
            tables = {name: np.frombuffer(chunks[name], dtype) for name, dtype in _RECORDS.items()}
            samples = np.frombuffer(chunks["smpl"], "<i2")
        except (OSError, KeyError, ValueError, struct.error) as error:
            raise RefusedError(f"{path} is not a SoundFont 2 file that can be read: {error}") from error
        self._tables, self._samples = tables, samples
        heads = tables["phdr"][:-1]
        self._presets = {(int(head["bank"]), int(head["preset"])): index for index, head in enumerate(heads)}

    @lru_cache(maxsize=64)  # noqa: B019  (fonts are few, and kept for the life of the process)
    def regions(self, program: int, *, is_drum: bool) -> tuple[Region, ...]:
        """The samples of a program (0–127) or drum kit; of its nearest relative where the font has no such one."""
        bank = DRUM_BANK if is_drum else 0
        wanted = ((bank, program), (bank, program // 8 * 8), (bank, 0))
        index = next((self._presets[key] for key in wanted if key in self._presets), None)
        return tuple(self._regions(index)) if index is not None else ()

    def _regions(self, preset: int) -> Iterator[Region]:
        for outer in self._zones("p", *self._bags("phdr", preset), _INSTRUMENT):
            for inner in self._zones("i", *self._bags("inst", outer[_INSTRUMENT]), _SAMPLE_ID):
                keys, velocities = (
                    (max(low, other_low), min(high, other_high))
                    for (low, high), (other_low, other_high) in (
                        (_range(outer, kind), _range(inner, kind)) for kind in (_KEY_RANGE, _VELOCITY_RANGE)
                    )
                )
                if keys[0] <= keys[1] and velocities[0] <= velocities[1]:
                    yield self._region(outer, inner, keys, velocities)

    def _bags(self, table: str, index: int) -> tuple[int, int]:
        heads = self._tables[table]
        return int(heads["bag"][index]), int(heads["bag"][index + 1])

    def _zones(self, kind: str, first: int, stop: int, target: int) -> Iterator[Generators]:
        """The zones of a preset or instrument that have a target, each on top of the global zone before them."""
        bags, amounts = self._tables[f"{kind}bag"]["gen"], self._tables[f"{kind}gen"]
        shared: Generators = {}
        for bag in range(first, stop):
            own = {int(g["oper"]): int(g["amount"]) for g in amounts[int(bags[bag]) : int(bags[bag + 1])]}
            if target in own:
                yield shared | own
            elif bag == first:
                shared = own

    def _region(self, outer: Generators, inner: Generators, keys: Any, velocities: Any) -> Region:
        merged = dict(inner)
        for oper, amount in outer.items():
            if oper not in _NOT_ADDED:
                merged[oper] = merged.get(oper, _DEFAULTS.get(oper, 0)) + amount
        head = self._tables["shdr"][inner[_SAMPLE_ID]]
        start, end, *loop = (
            int(head[name]) + inner.get(fine, 0) + 32_768 * inner.get(coarse, 0)
            for name, fine, coarse in (
                ("start", _START, _START_COARSE), ("end", _END, _END_COARSE),
                ("loop_start", _LOOP_START, _LOOP_START_COARSE), ("loop_end", _LOOP_END, _LOOP_END_COARSE),
            )
        )  # fmt: skip
        wave = self._samples[start:end] / np.float32(32_768)
        looped = inner.get(54, 0) & 1 and start <= loop[0] < loop[1] <= end
        root = merged.get(58, -1)
        return Region(
            number=inner[_SAMPLE_ID],
            keys=keys,
            velocities=velocities,
            wave=wave.astype(np.float32),
            loop=(loop[0] - start, loop[1] - start) if looped else None,
            sample_rate=int(head["rate"]),
            root_key=root if root >= 0 else int(head["pitch"]),
            tuning_cents=100 * merged.get(51, 0) + merged.get(52, 0) + int(head["correction"]),
            generators=merged,
        )


@lru_cache(maxsize=2)
def load(path: Path, changed: int) -> SoundFont:  # noqa: ARG001  (part of the key: a replaced font is read again)
    """The font at ``path`` as of its modification time ``changed``, read once."""
    return SoundFont(path)


def _range(generators: Generators, kind: int) -> tuple[int, int]:
    packed = generators.get(kind, _WHOLE_RANGE) & 0xFFFF
    return packed & 0xFF, packed >> 8


def _chunks(data: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, content) of every chunk inside the RIFF file's lists."""
    if data[:4] != b"RIFF" or data[8:12] != b"sfbk":
        raise ValueError("it does not begin as one")
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"LIST":
            at += 12
            continue
        yield name.decode("ascii", "replace"), data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
