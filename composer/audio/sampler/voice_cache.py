"""LRU cache of rendered voices, shared by all songs of a process: the same drums and guitars recur in every song."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from composer.audio.sampler.soundfont import Region
from composer.audio.signal import Mono


class VoiceCache:
    """The least recently used voices are dropped beyond ``max_bytes``. Thread-safe; cached arrays are read only."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._bytes, self._lock = max_bytes, 0, Lock()
        self._voices: OrderedDict[tuple[Region, int], tuple[int, Mono]] = OrderedDict()

    def get(self, region: Region, key: int, length: int) -> Mono | None:
        """Return the voice's first ``length`` samples if it was cached at that length or longer."""
        with self._lock:
            longest, voice = self._voices.get((region, key), (0, None))
            if voice is None or longest < length:
                return None
            self._voices.move_to_end((region, key))
            return voice[:length]

    def put(self, region: Region, key: int, length: int, voice: Mono) -> None:
        """Store ``voice``, rendered for ``length`` samples; it is shorter where its recording ends sooner."""
        with self._lock:
            self._drop((region, key))
            self._voices[region, key] = length, voice
            self._bytes += voice.nbytes
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._voices)))

    def clear(self) -> None:
        """Drop every voice."""
        with self._lock:
            self._voices.clear()
            self._bytes = 0

    def _drop(self, entry: tuple[Region, int]) -> None:
        _, voice = self._voices.pop(entry, (0, None))
        self._bytes -= 0 if voice is None else voice.nbytes


VOICE_CACHE = VoiceCache(16 * 2**20)
"""The cache of this process: 16 MB."""
