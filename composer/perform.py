"""The one door to a finished song: request in, files and facts out. The network is loaded once a process and kept."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

from composer.checkpoint import load_checkpoint, shipped_checkpoint
from composer.compose import Band
from composer.errors import RefusedError
from composer.plan import Plan, plan_song
from composer.render import RenderedFiles, render
from composer.rendition import PartFacts, Rendition, Timings
from composer.request import ComposeRequest, Format
from midi_data.events import encode
from midi_data.heard_key import heard_key
from midi_data.song import Song

Stage = Literal["composing", "rendering"]
OnStage = Callable[[Stage, float], None]
BANDS_KEPT = 4
LONGEST_STEM = 60


def perform(
    request: ComposeRequest,
    folder: Path,
    formats: Sequence[Format],
    *,
    checkpoint: Path | None = None,
    primer: Song | None = None,
    progress: OnStage | None = None,
) -> Rendition:
    """Compose and render one song into ``folder``. Raises ``RefusedError`` for what the asker can mend."""
    return perform_all([request], folder, formats, checkpoint=checkpoint, primer=primer, progress=progress)[0]


def perform_all(
    requests: Sequence[ComposeRequest],
    folder: Path,
    formats: Sequence[Format],
    *,
    checkpoint: Path | None = None,
    primer: Song | None = None,
    progress: OnStage | None = None,
) -> list[Rendition]:
    """As ``perform`` for several songs, composed as one batch: each is what it is alone."""
    begun = time.perf_counter()
    check_folder(folder)
    band = band_for(checkpoint)
    loaded = time.perf_counter()
    plans = [plan_song(request, band.checkpoint, primer) for request in requests]
    songs = band.compose(plans, (lambda share: progress("composing", share)) if progress else None)
    composed = time.perf_counter()
    timings = Timings(load=loaded - begun, compose=composed - loaded)
    renditions = []
    for number, (request, plan, song) in enumerate(zip(requests, plans, songs, strict=True)):
        tell = (lambda share, done=number: progress("rendering", (done + share) / len(songs))) if progress else None
        since = time.perf_counter()
        stem = file_stem(plan)
        files = render(song, formats, folder, stem, title=song.title, subtitle=subtitle(plan, song), progress=tell)
        total = composed - begun + time.perf_counter() - since
        spent = timings.model_copy(update={"audio": files.audio_seconds, "video": files.video_seconds, "total": total})
        renditions.append(_rendition(request, plan, song, files, band, spent))
    return renditions


def band_for(checkpoint: Path | None) -> Band:
    """The loaded band of a checkpoint (default: the shipped one); loaded again only when the file has changed."""
    path = (checkpoint or shipped_checkpoint()).resolve()
    try:
        stat = path.stat()
    except OSError:
        return Band(load_checkpoint(path))  # raises with the reason
    return _cached_band(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=BANDS_KEPT)
def _cached_band(path: Path, _changed: int, _size: int) -> Band:
    return Band(load_checkpoint(path))


def check_folder(folder: Path) -> None:
    """Make ``folder``. Raises ``RefusedError`` when files cannot be written there, before anything is composed."""
    probe = folder / ".riffbird-write-test"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise RefusedError(f"{folder}: files cannot be written here ({error.strerror or error})") from error


def file_stem(plan: Plan) -> str:
    """A file name that is safe everywhere and tells songs apart: ``dancing-robots-heavy-metal-7``."""
    plain = unicodedata.normalize("NFKD", plan.title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain)[:LONGEST_STEM].strip("-") or "song"
    genre = re.sub(r"[^a-z0-9]+", "-", plan.genre)
    return f"{words}-{genre}-{plan.seed}"


def subtitle(plan: Plan, song: Song) -> str:
    """The line under the title in pictures."""
    return f"{plan.genre} · {plan.tempo_bpm:g} BPM · {song.bar_count} bars · seed {plan.seed}"


def _rendition(
    request: ComposeRequest, plan: Plan, song: Song, files: RenderedFiles, band: Band, timings: Timings
) -> Rendition:
    heard = heard_key(encode(song))
    notices = []
    if request.key and heard and str(heard) != str(plan.key):
        notices.append(f"asked for {plan.key}, sounds most like {heard}")
    silent = len(plan.band) - len(song.tracks)
    if silent:
        notices.append(f"{silent} of the band's {len(plan.band)} parts found nothing to play")
    return Rendition(
        title=plan.title,
        genre=plan.genre,
        tempo_bpm=plan.tempo_bpm,
        randomness=plan.randomness,
        sampling=plan.sampling,
        seed=plan.seed,
        key=str(heard) if heard else "none",
        duration_seconds=round(song.duration_seconds, 3),
        bars=song.bar_count,
        notes=song.note_count,
        parts=[PartFacts(name=t.name, program=t.program, is_drum=t.is_drum, notes=len(t.notes)) for t in song.tracks],
        files=files.files,
        checkpoint=band.checkpoint.label,
        notices=notices,
        timings_seconds=timings,
    )
