"""Measures what the event representation loses of a song: notes, durations, velocities, parts."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from midi_data.events.encoding import EventSequence, decode, encode
from midi_data.song import Song


@dataclass(slots=True)
class RoundTripLosses:
    """Sums over songs; ``summary`` gives fractions and means. Durations and velocities are of pitched notes only."""

    songs: int = 0
    notes: int = 0
    kept_notes: int = 0
    pitched_notes: int = 0
    changed_durations: int = 0
    duration_ratio_error: float = 0.0
    velocity_error: float = 0.0
    joined_parts: int = 0
    not_inverse: int = 0

    def add(self, song: Song, events: EventSequence | None = None) -> None:
        """Encode and decode ``song`` (``events``: already encoded) and add the differences."""
        events = encode(song) if events is None else events
        back = decode(events)
        self.songs += 1
        self.notes += song.note_count
        self.kept_notes += back.note_count
        self.joined_parts += len(song.tracks) - len(back.tracks)
        self.not_inverse += decode(encode(back)) != back
        self._add_note_errors(song, back)

    def _add_note_errors(self, song: Song, back: Song) -> None:
        new = {(t.program, n.onset, n.pitch): n for t in back.tracks if not t.is_drum for n in t.notes}
        old = {(t.program, n.onset, n.pitch): n for t in song.tracks if not t.is_drum for n in t.notes}
        pairs = [(old[key], new[key]) for key in old.keys() & new.keys()]
        if not pairs:
            return
        durations = np.array([(a.duration, b.duration) for a, b in pairs], dtype=float)
        self.pitched_notes += len(pairs)
        self.changed_durations += int((durations[:, 0] != durations[:, 1]).sum())
        self.duration_ratio_error += float(np.abs(np.log2(durations[:, 1] / durations[:, 0])).sum())
        self.velocity_error += float(sum(abs(a.velocity - b.velocity) for a, b in pairs))

    def join(self, other: RoundTripLosses) -> None:
        """Add the sums of ``other`` to these."""
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)

    def summary(self) -> dict[str, float]:
        """Return fractions and means; duration errors in octaves (powers of two)."""
        pitched = max(self.pitched_notes, 1)
        return {
            "songs": self.songs,
            "notes": self.notes,
            "notes_kept": self.kept_notes / max(self.notes, 1),
            "durations_changed": self.changed_durations / pitched,
            "mean_duration_error_octaves": self.duration_ratio_error / pitched,
            "mean_velocity_error": self.velocity_error / pitched,
            "parts_joined_a_song": self.joined_parts / max(self.songs, 1),
            "songs_not_inverse": self.not_inverse,
        }
