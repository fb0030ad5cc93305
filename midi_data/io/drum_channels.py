"""Which channels are drums, and when: channel 10, and others by bank (GM2, XG) or system-exclusive message (GS, XG)."""

from __future__ import annotations

import numpy as np

from midi_data.io.channel_events import BANK, CONTROL, Changes, ChannelControls, Ints
from midi_data.io.smf import RawMidi

DRUM_CHANNEL = 9
_GM2_DRUMS, _GM2_MELODY = 120, 121
_XG_DRUMS = (126, 127)
_GS = (0x41, 0x42, 0x12)
"""Roland, GS, data set; the device number between Roland and GS varies."""
_XG = (0x43, 0x4C)
"""Yamaha, XG; a device number between them varies."""
_GS_RHYTHM_PART, _XG_PART_MODE = 0x15, 0x07


def gs_part_channel(block: int) -> int:
    """The channel of a GS block number: block 0 is channel 10, 1–9 are channels 1–9, 10–15 are 11–16 (all 0-based)."""
    return DRUM_CHANNEL if block == 0 else block - 1 if block <= DRUM_CHANNEL else block


class DrumChannels:
    """Answers whether notes are drums. A channel follows its last bank or message, else channel 10's default."""

    def __init__(self, raw: RawMidi, controls: ChannelControls) -> None:
        self._controls = controls
        self._modes: dict[int, list[tuple[int, int]]] = {}
        self._is_gs = False
        for tick, message in sorted((each for track in raw.tracks for each in track.sysexes), key=lambda each: each[0]):
            self._take(tick, message)

    def _take(self, tick: int, message: bytes) -> None:
        if len(message) >= 8 and (message[0], message[2], message[3]) == _GS:
            self._is_gs = True
            if message[4] == 0x40 and message[5] & 0xF0 == 0x10 and message[6] == _GS_RHYTHM_PART:
                self._modes.setdefault(gs_part_channel(message[5] & 0xF), []).append((tick, int(message[7] > 0)))
        is_xg = len(message) >= 7 and (message[0], message[2]) == _XG
        if is_xg and message[3] == 0x08 and message[4] < 16 and message[5] == _XG_PART_MODE:
            self._modes.setdefault(message[4], []).append((tick, int(message[6] > 0)))

    def is_drum(self, track: int, channel: int, ticks: Ints) -> Ints:
        """(N,) 1 where notes of ``track`` on ``channel`` at ``ticks`` are drums, else 0."""
        modes = self._modes.get(channel % 16, [])
        default = int(channel % 16 == DRUM_CHANNEL)
        ticks_of, values = np.array(modes, dtype=np.int64).reshape(-1, 2).T
        base = Changes(ticks_of, values).at(ticks, default)
        bank = self._controls.changes(track, channel, CONTROL, BANK).at(ticks, 0)
        is_drum = np.where(bank == _GM2_DRUMS, 1, np.where(bank == _GM2_MELODY, 0, base))
        # Under GS, bank 127 holds the sounds of an older module.
        return is_drum if self._is_gs else np.where(np.isin(bank, _XG_DRUMS), 1, is_drum)
