"""Tones kept from song to song, within a bound: the same drums and guitars play again and again.

Knows which tone was asked for at which length; deliberately does not know how tones are made.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from composer.audio.soundfont import Region

Mono = NDArray[np.float32]
"""One channel of sound, shape (samples,). Kept ones are only read."""


class Kept:
    """The tones last asked for, up to ``most_bytes`` of them: the same drums and guitars play in song after song."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes, self._lock = most_bytes, 0, Lock()
        self._tones: OrderedDict[tuple[Region, int], tuple[int, Mono]] = OrderedDict()

    def find(self, region: Region, key: int, length: int) -> Mono | None:
        """The tone's first ``length`` samples, if it was kept at that length or longer."""
        with self._lock:
            longest, tone = self._tones.get((region, key), (0, None))
            if tone is None or longest < length:
                return None
            self._tones.move_to_end((region, key))
            return tone[:length]

    def keep(self, region: Region, key: int, length: int, tone: Mono) -> None:
        """Keep ``tone``, which was asked for at ``length`` (it may have ended sooner), and drop the oldest others."""
        with self._lock:
            self._drop((region, key))
            self._tones[region, key] = length, tone
            self._bytes += tone.nbytes
            while self._bytes > self._most:
                self._drop(next(iter(self._tones)))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._tones.clear()
            self._bytes = 0

    def _drop(self, name: tuple[Region, int]) -> None:
        _, tone = self._tones.pop(name, (0, None))
        self._bytes -= 0 if tone is None else tone.nbytes


KEPT = Kept(16 * 2**20)
"""One store for the process."""
