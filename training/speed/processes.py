"""Cost of a process that composes one song: seconds from start to files, and peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.errors import TrainingError
from training.speed.figures import Figure, Run, cost, spread
from training.speed.songs import SEED, TEMPO_BPM

# The process reports its own peak: on Linux ru_maxrss of a child includes the parent's memory at the fork.
_REPORT_PEAK = """
import atexit, resource, runpy, sys
def report(path=sys.argv[1]):
    try:
        lines = open("/proc/self/status").read().splitlines()
        peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    open(path, "w").write(str(peak))
atexit.register(report)
del sys.argv[:2]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True, slots=True)
class Finished:
    """One finished process: its seconds and peak memory."""

    run: Run
    peak_megabytes: float


def run_module(module: str, words: Sequence[str]) -> Finished:
    """``python -m module words…`` in a new process. Raises ``TrainingError`` when it fails."""
    with tempfile.NamedTemporaryFile(prefix="riffbird-peak-") as peak:
        since, spent = time.perf_counter(), _children()
        command = [sys.executable, "-c", _REPORT_PEAK, peak.name, module, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own words
        run = Run(time.perf_counter() - since, _children() - spent)
        if done.returncode:
            raise TrainingError(f"{module} {' '.join(words)} ended with {done.returncode}: {done.stderr.strip()}")
        return Finished(run, int(Path(peak.name).read_text(encoding="ascii")) * 1024 / 1e6)


def _children() -> float:
    """Processor seconds of all children that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def process_figures(module: str, genre: str, length: float, checkpoint: Path | None, runs: int) -> list[Figure]:
    """Cold start to a MIDI file, and to all formats. ``module``: the command, for ``python -m``."""
    with tempfile.TemporaryDirectory(prefix="riffbird-speed-") as folder:
        words = ["compose", "--genre", genre, "--tempo", f"{TEMPO_BPM:g}", "--length", f"{length:g}", "--out", folder]
        words += ["--checkpoint", str(checkpoint)] if checkpoint else []
        formats = [word for name in ("mid", "mp3", "png", "mp4") for word in ("--format", name)]

        def run(number: int, *formats: str) -> Finished:
            return run_module(module, [*words, *formats, "--seed", str(SEED + number)])

        run(0, "--format", "mid")  # fills the page cache
        cold = [run(number, "--format", "mid") for number in range(runs)]
        whole = [run(number, *formats) for number in range(max(1, runs // 2))]
    how = f"riffbird compose, {length:g} s, a new process, another seed each run"
    peaks = "of the process, all libraries included"
    return [
        cost("cold", "cold, to a MIDI file", "s", [each.run for each in cold], note=how),
        spread("cold_peak", "  its memory at the peak", "MB", [each.peak_megabytes for each in cold], peaks),
        cost("render", "cold, to MIDI, MP3, PNG and MP4", "s", [each.run for each in whole], note=how),
        spread("render_peak", "  its memory at the peak", "MB", [each.peak_megabytes for each in whole], peaks),
    ]
