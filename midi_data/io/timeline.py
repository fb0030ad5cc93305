"""Tempos, meters and key signatures of a file, from all its tracks; nonsense is left out with a notice."""

from __future__ import annotations

from dataclasses import dataclass

from midi_data.io.smf import KEY_SIGNATURE, SET_TEMPO, TIME_SIGNATURE, RawMidi
from midi_data.keys import Key
from midi_data.notices import Notice, counted
from midi_data.song import DENOMINATORS, LONGEST_METER

TEMPO_RANGE_BPM = (4.0, 2000.0)
"""Tempos outside are clamped: the file's typing errors."""
_MOST_SHARPS = 7


@dataclass(slots=True)
class Timeline:
    """Changes by tick of the file, in order of time: beats a minute, (numerator, denominator), keys."""

    tempos: list[tuple[int, float]]
    meters: list[tuple[int, int, int]]
    keys: list[tuple[int, Key]]
    notices: list[Notice]


def read_timeline(raw: RawMidi) -> Timeline:
    """The changes in ``raw``."""
    line = Timeline([], [], [], [])
    wrong = dict.fromkeys(_READERS, 0)
    events = [each for track in raw.tracks for each in track.metas if each[1] in _READERS]
    for tick, kind, body in sorted(events, key=lambda each: each[0]):
        wrong[kind] += not _READERS[kind](line, tick, body)
    for kind, count in wrong.items():
        if count:
            line.notices.append(Notice(_WRONG[kind][0], f"{counted(count, _WRONG[kind][1])} ignored"))
    if any(bpm != clamped(bpm) for _, bpm in line.tempos):
        low, high = TEMPO_RANGE_BPM
        line.notices.append(Notice("tempo clamped", f"tempos outside {low:g}–{high:g} BPM clamped"))
    return line


def clamped(bpm: float) -> float:
    """``bpm`` within ``TEMPO_RANGE_BPM``."""
    return min(max(bpm, TEMPO_RANGE_BPM[0]), TEMPO_RANGE_BPM[1])


def _take_tempo(line: Timeline, tick: int, body: bytes) -> bool:
    microseconds = int.from_bytes(body[:3], "big")
    if len(body) < 3 or microseconds == 0:
        return False
    line.tempos.append((tick, 60e6 / microseconds))
    return True


def _take_meter(line: Timeline, tick: int, body: bytes) -> bool:
    if len(body) < 2 or not 1 <= body[0] <= LONGEST_METER or body[1] > 6 or 1 << body[1] not in DENOMINATORS:
        return False
    line.meters.append((tick, body[0], 1 << body[1]))
    return True


def _take_key(line: Timeline, tick: int, body: bytes) -> bool:
    if len(body) < 2 or body[1] > 1:
        return False
    sharps = int.from_bytes(body[:1], "big", signed=True)
    if abs(sharps) > _MOST_SHARPS:
        return False
    line.keys.append((tick, Key((7 * sharps + 9 * body[1]) % 12, "minor" if body[1] else "major")))
    return True


_READERS = {SET_TEMPO: _take_tempo, TIME_SIGNATURE: _take_meter, KEY_SIGNATURE: _take_key}
_WRONG = {
    SET_TEMPO: ("wrong tempo", "impossible tempo"),
    TIME_SIGNATURE: ("wrong meter", "impossible time signature"),
    KEY_SIGNATURE: ("wrong key", "impossible key signature"),
}
