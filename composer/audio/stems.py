"""Stems: a ZIP archive of one WAV a part, aligned, whose sum is the unmastered mix."""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from composer.audio.encode import write_mp3
from composer.audio.genre_mix import genre_mix
from composer.audio.mix import sounding_tracks, stems
from composer.audio.signal import SAMPLE_RATE, Audio, Progress, report
from midi_data.general_midi import instrument_name
from midi_data.song import Song, Track

_DATE = (1980, 1, 1, 0, 0, 0)
"""Fixed time stamp of the archive's members: the same song gives the same bytes."""


def write_stems(
    song: Song, path: Path, *, genres: Mapping[str, float] | None = None, progress: Progress = None
) -> None:
    """Write the stems of ``song`` as 32-bit float WAV files, which keep peaks above full scale."""
    count = len(sounding_tracks(song))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number, (track, sound) in enumerate(stems(song, genre_mix(genres or {})), start=1):
            member = zipfile.ZipInfo(_file_name(number, track), _DATE)
            archive.writestr(member, _wav(sound), zipfile.ZIP_DEFLATED)
            report(progress, number / count)


def compress_stems(path: Path, compressed: Path) -> Path:
    """Write the stems in the archive ``path`` as MP3 files, one a part, to the archive ``compressed``.

    All are turned down alike where one of them has peaks above full scale.
    """
    from scipy.io import wavfile

    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(compressed, "w", zipfile.ZIP_STORED) as target:
        names = archive.namelist()
        peak = max((_peak(wavfile.read(io.BytesIO(archive.read(name)))[1]) for name in names), default=0.0)
        for name in names:
            _, sound = wavfile.read(io.BytesIO(archive.read(name)))
            with tempfile.NamedTemporaryFile(suffix=".mp3", dir=compressed.parent) as file:
                write_mp3(sound / np.float32(max(peak, 1.0)), Path(file.name))
                member = zipfile.ZipInfo(f"{Path(name).stem}.mp3", _DATE)
                target.writestr(member, Path(file.name).read_bytes())
    return compressed


def _peak(sound: Audio) -> float:
    return float(np.abs(sound).max(initial=0.0))


def _file_name(number: int, track: Track) -> str:
    instrument = instrument_name(track.program, track.is_drum).lower()
    return f"{number:02}-{re.sub(r'[^a-z0-9]+', '-', instrument).strip('-')}.wav"


def _wav(sound: Audio) -> bytes:
    # libsndfile would write the time into its PEAK chunk.
    from scipy.io import wavfile

    buffer = io.BytesIO()
    wavfile.write(buffer, SAMPLE_RATE, np.ascontiguousarray(sound))
    return buffer.getvalue()
