"""Tonal balance of the mix by genre against fluidsynth: ``python benchmarks/mix_balance.py SONGS``.

``SONGS`` holds one folder of MIDI files for each genre, such as ``riffbird compose --genre rock --count 12 --format mid
--length 30 --out SONGS/rock`` writes. Each file is mixed as a song of its folder's genre and rendered by fluidsynth
with ``--reference``. One row a genre: deviation (dB) of the share of energy in each octave band, side/mid ratio (dB),
loudness (LUFS) and true peak (dBTP). Another font of ours: ``RIFFBIRD_SOUNDFONT``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from composer.audio.mastering import integrated_loudness, true_peak
from composer.audio.mix import mix
from composer.audio.signal import SAMPLE_RATE, Audio
from midi_data.io.midi_file import read_midi

CENTRES_HERTZ = [63 * 2**octave for octave in range(8)]
"""63 Hz to 8 kHz."""
_WINDOW = 2**15


@dataclass(frozen=True, slots=True)
class Balance:
    """One genre's row. ``deviation_db``: ours minus the reference, by octave, of the mean shares of energy."""

    genre: str
    songs: int
    deviation_db: list[float]
    side_mid_db: float
    lufs: tuple[float, float]
    true_peak_db: float


def main() -> None:
    """Measure and print."""
    options = _options()
    for folder in sorted(path for path in options.songs.iterdir() if path.is_dir()):
        if options.genres and folder.name not in options.genres:
            continue
        balance = measure(folder, options)
        text = json.dumps(asdict(balance)) if options.json else _row(balance)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def measure(folder: Path, options: argparse.Namespace) -> Balance:
    """Mix and measure the songs of one genre."""
    ours, reference, side_mid, lufs, peaks = [], [], [], [], []
    paths = sorted(folder.glob("*.mid"))[: options.count]
    for path in paths:
        audio = mix(read_midi(path), genres={folder.name: 1.0})
        ours.append(octave_shares(audio))
        reference.append(octave_shares(_fluidsynth(path, options.reference)))
        side_mid.append(_side_mid_db(audio))
        lufs.append(integrated_loudness(audio))
        peaks.append(20 * np.log10(true_peak(audio)))
    deviation = 10 * np.log10(np.mean(ours, axis=0) / np.mean(reference, axis=0))
    return Balance(
        folder.name, len(paths), [round(float(each), 1) for each in deviation], round(float(np.mean(side_mid)), 1),
        (round(min(lufs), 1), round(max(lufs), 1)), round(float(max(peaks)), 2),
    )  # fmt: skip


def octave_shares(audio: Audio) -> NDArray[np.float64]:
    """Return the share of energy of ``audio`` (samples, 2) in each octave band: (8,)."""
    from scipy.signal import welch

    hertz, power = welch(audio, SAMPLE_RATE, nperseg=_WINDOW, axis=0)
    total = power.sum(axis=1)
    bands = [total[(hertz >= centre / 2**0.5) & (hertz < centre * 2**0.5)].sum() for centre in CENTRES_HERTZ]
    return np.asarray(bands / total.sum(), np.float64)


def _side_mid_db(audio: Audio) -> float:
    left, right = audio.T
    return float(10 * np.log10(np.square(left - right).sum() / np.square(left + right).sum() + 1e-12))


def _fluidsynth(path: Path, font: Path) -> Audio:
    """Return the file as fluidsynth plays it with its own reverberation and chorus: (samples, 2)."""
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "reference.wav")
        command = ["fluidsynth", "-niq", "-O", "float", "-T", "wav", "-F", str(target), "-r", str(SAMPLE_RATE)]
        subprocess.run([*command, str(font), str(path)], check=True, capture_output=True)  # noqa: S603
        audio: Audio = soundfile.read(target, dtype="float32", always_2d=True)[0]
    return audio


def _row(balance: Balance) -> str:
    bands = " ".join(f"{each:+5.1f}" for each in balance.deviation_db)
    return (
        f"{balance.genre:12s} {balance.songs:3d}  {bands}  side/mid {balance.side_mid_db:6.1f}  "
        f"LUFS {balance.lufs[0]} … {balance.lufs[1]}  peak {balance.true_peak_db:.2f}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path)
    parser.add_argument("--reference", type=Path, default=Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"))
    parser.add_argument("--genres", nargs="*", help="folders of SONGS; all of them if left out")
    parser.add_argument("--count", type=int, help="songs a genre; all of them if left out")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
