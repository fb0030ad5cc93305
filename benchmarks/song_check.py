"""Compose songs of every genre, read their MIDI back, and count violations.

    python benchmarks/song_check.py [--songs 20] [--seed 1000] [--length 45] [--checkpoint FILE] [--json]

Prints a table a genre (or JSON): empty songs, hanging notes, notes out of range, empty bars, missing core parts.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any

from composer.decoding.generate import Composer
from composer.pipeline import composer_for
from composer.planning.form import plays_role
from composer.planning.plan import plan_song
from composer.planning.requested import core_of
from composer.request import ComposeRequest
from midi_data.analysis.repetition import bar_similarities
from midi_data.bars import BarGrid
from midi_data.events.encoding import encode, part_code
from midi_data.events.features import LAGS
from midi_data.general_midi import playable_range
from midi_data.genres import GENRES
from midi_data.io.midi_file import read_midi
from midi_data.io.midi_writer import write_midi
from midi_data.song import Song


def compose(composer: Composer, genre: str, count: int, seed: int, length: float) -> list[Song]:
    """``count`` songs with seeds from ``seed`` on, written and read back."""
    requests = [ComposeRequest(genres={genre: 1.0}, seed=seed + n, length_seconds=length) for n in range(count)]
    songs = composer.compose([plan_song(request, composer.checkpoint) for request in requests])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "song.mid"
        back = []
        for song in songs:
            write_midi(song, path)
            back.append(read_midi(path))
    return back


def hanging(song: Song) -> int:
    """Notes beyond the song's last bar, and pitches struck again while they sound."""
    count = 0
    for track in song.tracks:
        ends: dict[int, int] = {}
        for note in track.notes:
            count += note.end > song.end or note.onset < ends.get(note.pitch, 0)
            ends[note.pitch] = note.end
    return count


def out_of_range(song: Song) -> int:
    """Notes outside their instrument's range."""
    count = 0
    for track in song.tracks:
        low, high = playable_range(track.program, track.is_drum)
        count += sum(not low <= note.pitch <= high for note in track.notes)
    return count


def empty_bars(song: Song) -> int:
    """Bars without an onset and without a held note."""
    notes = [note for track in song.tracks for note in track.notes]
    return sum(
        not any(note.onset < start + meter.bar_ticks and note.end > start for note in notes)
        for start, meter in song.bars()
    )


def silent_cores(song: Song, genre: str) -> int:
    """Core roles of the genre that sound in fewer than half of the bars."""
    silent = 0
    for role in core_of(genre):
        tracks = [t for t in song.tracks if plays_role(part_code(t.program, is_drum=t.is_drum), role)]
        bar = song.meters[0].bar_ticks
        playing = {note.onset // bar for track in tracks for note in track.notes}
        silent += len(playing) < song.bar_count / 2
    return silent


def best_match(song: Song) -> float:
    """Mean over bars of the similarity to the most similar of the bars 1, 2, 4, 8 and 16 before."""
    events = encode(song)
    grid = BarGrid.of(events.meters, events.end)
    everywhere = bar_similarities(events, grid)
    similarity = [everywhere[lag - 1] for lag in LAGS]
    return float(mean(max(values) for values in zip(*similarity, strict=True)))


def row(genre: str, songs: list[Song], seconds: float) -> dict[str, Any]:
    """Counts of one genre's songs."""
    bars = sum(song.bar_count for song in songs)
    return {
        "genre": genre,
        "songs": len(songs),
        "empty_songs": sum(song.note_count == 0 for song in songs),
        "hanging_notes": sum(map(hanging, songs)),
        "notes_out_of_range": sum(map(out_of_range, songs)),
        "empty_bars_percent": round(100 * sum(map(empty_bars, songs)) / bars, 2),
        "songs_with_a_silent_core_part": sum(silent_cores(song, genre) > 0 for song in songs),
        "parts_a_song": round(mean(len(song.tracks) for song in songs), 1),
        "notes_a_second": round(sum(s.note_count for s in songs) / sum(s.duration_seconds for s in songs), 1),
        "bar_similarity": round(mean(map(best_match, songs)), 3),
        "composed_x_real_time": round(sum(s.duration_seconds for s in songs) / seconds, 1),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1000)
    parser.add_argument("--length", type=float, default=45)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    composer = composer_for(given.checkpoint)
    rows = []
    for genre in GENRES:
        if genre.name in composer.checkpoint.header.genres:
            begun = time.perf_counter()
            songs = compose(composer, genre.name, given.songs, given.seed, given.length)
            rows.append(row(genre.name, songs, time.perf_counter() - begun))
    write = sys.stdout.write
    if given.json:
        write(json.dumps(rows, indent=1) + "\n")
        return
    write("| " + " | ".join(name.replace("_", " ") for name in rows[0]) + " |\n")
    write("|" + "---|" * len(rows[0]) + "\n")
    for each in rows:
        write("| " + " | ".join(str(value) for value in each.values()) + " |\n")


if __name__ == "__main__":
    main()
