import io
import zipfile
from pathlib import Path

import numpy as np
import soundfile

from composer.audio.genre_mix import genre_mix
from composer.audio.mix import unmastered_mix
from composer.audio.signal import SAMPLE_RATE
from composer.audio.stems import write_stems
from midi_data.song import Song


def test_one_aligned_file_a_part_adds_up_to_the_unmastered_mix(render_band: Song, tmp_path: Path) -> None:
    write_stems(render_band, tmp_path / "stems.zip", genres={"rock": 1.0})
    with zipfile.ZipFile(tmp_path / "stems.zip") as archive:
        assert archive.namelist() == [
            "01-drums.wav",
            "02-electric-bass-pick.wav",
            "03-distortion-guitar.wav",
            "04-distortion-guitar.wav",
            "05-acoustic-grand-piano.wav",
        ]
        parts = [soundfile.read(io.BytesIO(archive.read(name)), dtype="float32") for name in archive.namelist()]
    assert {rate for _, rate in parts} == {SAMPLE_RATE}
    expected = unmastered_mix(render_band, genre_mix({"rock": 1.0}))
    assert np.abs(np.sum([sound for sound, _ in parts], axis=0) - expected).max() < 1e-5


def test_the_same_song_gives_the_same_archive(render_band: Song, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_stems(render_band, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_song_without_notes_has_no_stems(render_silence: Song, tmp_path: Path) -> None:
    write_stems(render_silence, tmp_path / "stems.zip")
    with zipfile.ZipFile(tmp_path / "stems.zip") as archive:
        assert archive.namelist() == []
