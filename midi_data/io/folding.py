"""Channel state that a song's notes do not hold, folded into them.

Pedal becomes durations, volume and expression velocities, a steady pitch bend pitches.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from midi_data.io.channel_events import (
    CONTROL,
    DATA_ENTRY,
    EXPRESSION,
    PEDAL,
    PITCH_BEND,
    RESET_CONTROLLERS,
    RPN_HIGH,
    RPN_LOW,
    VOLUME,
    Changes,
    ChannelControls,
    Ints,
)
from midi_data.io.note_columns import NoteColumns

Counts = dict[str, int]
"""Notes that each kind of folding changed."""
FOLDED = {
    "volume": "volume and expression folded into the velocities of {}",
    "pedal": "{} lengthened by the sustain pedal",
    "pitch bend": "{} moved by a steady pitch bend",
    "bend lost": "the moving pitch bend of {} is not kept",
}
"""The line that tells each kind."""
DEFAULT_VOLUME, DEFAULT_EXPRESSION = 100, 127
DEFAULT_BEND_RANGE = 2
"""Semitones of a full pitch bend (General MIDI)."""
PEDAL_DOWN = 64
_NEVER = np.int64(2**62)


def fold_controls(notes: NoteColumns, controls: ChannelControls, track_end: int) -> tuple[NoteColumns, Counts]:
    """``notes`` of a pitched part after its channel's volume, pitch bends and pedal, and how many changed by which."""
    notes, by_volume = fold_volume(notes, controls)
    notes, by_bend = fold_bends(notes, controls)
    notes, by_pedal = fold_pedal(notes, controls, track_end)
    return notes, by_volume | by_bend | by_pedal


def fold_volume(notes: NoteColumns, controls: ChannelControls) -> tuple[NoteColumns, Counts]:
    """Velocities × (volume · expression) relative to the loudest such product of the part.

    A level that stays the same is the file's mix, not playing, and changes nothing.
    """
    gain = np.ones(len(notes))
    for number, default in ((VOLUME, DEFAULT_VOLUME), (EXPRESSION, DEFAULT_EXPRESSION)):
        gain = gain * _controller(notes, controls, number).at(notes.onset, default)
    if gain.min() == gain.max():
        return notes, {}
    velocity = np.clip(np.rint(notes.velocity * gain / gain.max()).astype(np.int64), 1, 127)
    changed = int((velocity != notes.velocity).sum())
    return replace(notes, velocity=velocity), {"volume": changed}


def fold_pedal(notes: NoteColumns, controls: ChannelControls, track_end: int) -> tuple[NoteColumns, Counts]:
    """Notes that end while the sustain pedal is down ring until it lifts, or until their pitch is struck again."""
    pedal = _controller(notes, controls, PEDAL)
    is_down = pedal.value >= PEDAL_DOWN
    if not is_down.any():
        return notes, {}
    end = notes.onset + notes.duration
    place = np.searchsorted(pedal.tick, end, side="right") - 1
    held = (place >= 0) & is_down[place]
    ring = np.where(held, np.maximum(_next_lift(pedal, is_down, track_end)[place], end), end)
    ring = np.maximum(np.minimum(ring, _next_onset(notes)), end)
    return replace(notes, duration=ring - notes.onset), {"pedal": int((ring > end).sum())}


def _next_lift(pedal: Changes, is_down: np.ndarray[tuple[int], np.dtype[np.bool_]], track_end: int) -> Ints:
    """(K,) tick at which the pedal is up next, at or after each of its changes."""
    lifts = np.where(is_down, _NEVER, pedal.tick)
    following: Ints = np.minimum.accumulate(lifts[::-1])[::-1]
    return np.where(following == _NEVER, track_end, following)


def _next_onset(notes: NoteColumns) -> Ints:
    """(N,) tick at which each note's pitch is struck next."""
    order = np.lexsort((notes.onset, notes.pitch))
    onset, pitch = notes.onset[order], notes.pitch[order]
    following = np.append(onset[1:], _NEVER)
    following[np.append(np.diff(pitch) != 0, True)] = _NEVER
    result = np.empty_like(following)
    result[order] = following
    return result


def fold_bends(notes: NoteColumns, controls: ChannelControls) -> tuple[NoteColumns, Counts]:
    """Bends that stay the same during a note move its pitch by semitones, rounded; other bends are counted."""
    bend = controls.changes(notes.track, notes.channel, PITCH_BEND)
    if not len(bend) or not bend.value.any():
        return notes, {}
    semitones = _bend_range(notes, controls)
    begin, end = bend.at(notes.onset, 0), bend.at(notes.onset + np.maximum(notes.duration - 1, 0), 0)
    count_of = np.searchsorted(bend.tick, notes.onset + notes.duration - 1, side="right")
    moves = count_of > np.searchsorted(bend.tick, notes.onset, side="right")
    shift = np.rint(begin / 8192 * semitones).astype(np.int64) * ~moves
    pitch = np.clip(notes.pitch + shift, 0, 127)
    moved = int((pitch != notes.pitch).sum())
    lost = int((moves & ((np.abs(begin) + np.abs(end)) * semitones >= 8192)).sum())
    return replace(notes, pitch=pitch), {"pitch bend": moved, "bend lost": lost}


def _bend_range(notes: NoteColumns, controls: ChannelControls) -> Ints:
    """(N,) semitones of a full bend at each onset: registered parameter 0."""
    entry = controls.changes(notes.track, notes.channel, CONTROL, DATA_ENTRY)
    high, low = (controls.changes(notes.track, notes.channel, CONTROL, n) for n in (RPN_HIGH, RPN_LOW))
    is_range = (high.at(entry.tick, 127) == 0) & (low.at(entry.tick, 127) == 0)
    return Changes(entry.tick[is_range], entry.value[is_range]).at(notes.onset, DEFAULT_BEND_RANGE)


def _controller(notes: NoteColumns, controls: ChannelControls, number: int) -> Changes:
    """A controller's changes, put back to its default by "reset all controllers" (pedal and expression only)."""
    changes = controls.changes(notes.track, notes.channel, CONTROL, number)
    resets = controls.changes(notes.track, notes.channel, CONTROL, RESET_CONTROLLERS)
    if number == VOLUME or not len(resets):
        return changes
    tick = np.concatenate([resets.tick, changes.tick])
    value = np.concatenate([np.full(len(resets), 127 if number == EXPRESSION else 0), changes.value])
    order = np.argsort(tick, kind="stable")
    return Changes(tick[order], value[order])
