"""The pipeline from a request to finished files: load the network, plan, compose, render.

Loaded networks are cached. The checkpoint is chosen for each request: the shipped one, or that of a custom genre.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import time
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

from composer.audio.tags import Tags, default_link
from composer.decoding.generate import Composer
from composer.errors import RefusedError
from composer.genre_store import custom_checkpoint, mix_genres
from composer.model.checkpoint import load_checkpoint, shipped_checkpoint
from composer.planning.files.given import GivenSong, plan_with, with_given_notes
from composer.planning.files.like import Reference, fit_reference, nearest_genre, outline_of_song
from composer.planning.files.primer import Primer, fit_primer
from composer.planning.plan import Plan, plan_song
from composer.render import RenderedFiles, render
from composer.request import ComposeRequest, Format
from composer.result import PartFacts, Rendition, Timings
from composer.score import as_score, band_notices
from midi_data.analysis.chords import chords_of
from midi_data.analysis.key_estimation import estimate_song_key
from midi_data.chords import bar_name
from midi_data.events.encoding import encode
from midi_data.io.midi_writer import midi_bytes
from midi_data.song import Song

Stage = Literal["composing", "rendering"]
OnStage = Callable[[Stage, float], None]
COMPOSERS_KEPT = 4
"""LRU cache: at most 4 loaded networks (about 60 MB each)."""
LONGEST_STEM = 60
"""Characters of the title that a file name keeps."""


def compose(
    request: ComposeRequest,
    folder: Path,
    formats: Sequence[Format],
    *,
    checkpoint: Path | None = None,
    primer: Song | None = None,
    given: GivenSong | None = None,
    like: Song | None = None,
    progress: OnStage | None = None,
    song: Song | None = None,
) -> Rendition:
    """Compose and render one song into ``folder``: one that continues ``primer``, or one like ``like``.

    ``given``: a finished song to go on from, or of which some parts are composed anew; its other notes are kept.
    ``progress`` is called with the stage and the fraction of it that is done (0–1). ``song``, if given, is the result
    of ``compose_songs`` for the same request: it is rendered only. Raises ``RefusedError`` for a request that cannot
    be met and ``RenderError`` where rendering fails.
    """
    songs = None if song is None else [song]
    return compose_all(
        [request],
        folder,
        formats,
        checkpoint=checkpoint,
        primer=primer,
        given=given,
        like=like,
        progress=progress,
        songs=songs,
    )[0]


def compose_songs(
    requests: Sequence[ComposeRequest], *, checkpoint: Path | None = None, progress: OnStage | None = None
) -> list[Song]:
    """The songs of ``requests``, composed as one batch, not rendered. Every request must have a seed.

    Raises ``RefusedError`` for a request that cannot be met.
    """
    composers = [composer_for(checkpoint_for(request, checkpoint)) for request in requests]
    plans = [plan_song(request, composer.checkpoint) for request, composer in zip(requests, composers, strict=True)]
    return _composed(composers, plans, progress)


def compose_all(
    requests: Sequence[ComposeRequest],
    folder: Path,
    formats: Sequence[Format],
    *,
    checkpoint: Path | None = None,
    primer: Song | None = None,
    given: GivenSong | None = None,
    like: Song | None = None,
    progress: OnStage | None = None,
    last: bool = False,
    songs: Sequence[Song] | None = None,
) -> list[Rendition]:
    """Compose and render several songs, those of one checkpoint as one batch. Each equals the song composed alone.

    ``songs``: already composed songs of the same requests. ``last``: free the cached networks before rendering (about
    50 MB each), for a process that composes nothing afterwards. Raises as ``compose`` does.
    """
    begun = time.perf_counter()
    check_folder(folder)
    composers = [composer_for(checkpoint_for(request, checkpoint)) for request in requests]
    loaded = time.perf_counter()
    own = [_fitted(request, primer, like) for request in requests]
    plans = [
        _plan(request, composer, file, given) for request, composer, file in zip(requests, composers, own, strict=True)
    ]
    songs = songs or _composed(composers, plans, progress)
    if given:
        songs = [with_given_notes(song, plan, given) for song, plan in zip(songs, plans, strict=True)]
    songs = [
        as_score(song, request, plan.key or estimate_song_key(encode(song)), chord_names(plan, song))
        for request, plan, song in zip(requests, plans, songs, strict=True)
    ]
    labels = [composer.checkpoint.label for composer in composers]
    if last:
        composers.clear()
        _cached_composer.cache_clear()
    timings = Timings(load=loaded - begun, compose=time.perf_counter() - loaded)
    renditions = []
    for number, (request, plan, song, label) in enumerate(zip(requests, plans, songs, labels, strict=True)):
        tell = (lambda share, done=number: progress("rendering", (done + share) / len(songs))) if progress else None
        renditions.append(_rendered(request, plan, song, own[number], folder, formats, label, timings, tell))
    return renditions


def _rendered(
    request: ComposeRequest,
    plan: Plan,
    song: Song,
    file: Primer | Reference | None,
    folder: Path,
    formats: Sequence[Format],
    label: str,
    timings: Timings,
    progress: Callable[[float], None] | None,
) -> Rendition:
    """Render a composed ``song``; ``file``: the person's own that it goes on from or imitates."""
    since = time.perf_counter()
    key = str(estimate_song_key(encode(song)) or "")
    files = render(
        song,
        formats,
        folder,
        file_stem(plan, request, file.song if file else None),
        tags=_tags(plan, song, key),
        subtitle=subtitle(plan, song),
        genres=mix_genres(request.genres),
        progress=progress,
    )
    total = timings.load + timings.compose + time.perf_counter() - since
    spent = timings.model_copy(update={"audio": files.audio_seconds, "video": files.video_seconds, "total": total})
    rendition = _rendition(request, plan, song, key, files, label, spent)
    if file:
        rendition.notices.extend(file.notices)
    return rendition


def _fitted(request: ComposeRequest, primer: Song | None, like: Song | None) -> Primer | Reference | None:
    """The person's file under the request's rules; ``None`` without one."""
    if primer:
        return fit_primer(primer, request)
    return fit_reference(like, request) if like else None


def _plan(
    request: ComposeRequest, composer: Composer, file: Primer | Reference | None, given: GivenSong | None
) -> Plan:
    if given:
        return plan_with(request, composer.checkpoint, given)
    if isinstance(file, Reference) and file.song:
        return plan_song(request, composer.checkpoint, outline=outline_of_song(file.song, request, composer.checkpoint))
    return plan_song(request, composer.checkpoint, file.song if isinstance(file, Primer) else None)


def in_genre_of(song: Song, request: ComposeRequest, checkpoint: Path | None = None) -> ComposeRequest:
    """``request`` in the genre that ``song`` fits best: for ``like`` where no genre is asked for."""
    path = checkpoint or shipped_checkpoint()
    return request.model_copy(update={"genres": {nearest_genre(song, load_checkpoint(path)): 1.0}})


def chord_names(plan: Plan, song: Song) -> list[str]:
    """A name a bar: the planned chords, or without any those that the notes spell."""
    if plan.chords is None:
        return chords_of(song)
    return [bar_name(first, second) for first, second in plan.chords.tolist()]


def _composed(composers: Sequence[Composer], plans: Sequence[Plan], progress: OnStage | None) -> list[Song]:
    """The songs of ``plans``, in order; one batch for each network."""
    songs: dict[int, Song] = {}
    for composer in dict.fromkeys(composers):
        mine = [number for number, each in enumerate(composers) if each is composer]
        done = len(songs)

        def tell(share: float, done: int = done, count: int = len(mine)) -> None:
            if progress:
                progress("composing", (done + share * count) / len(plans))

        played = composer.compose([plans[number] for number in mine], tell)
        songs |= zip(mine, played, strict=True)
    return [songs[number] for number in range(len(plans))]


def checkpoint_for(request: ComposeRequest, checkpoint: Path | None = None) -> Path | None:
    """The checkpoint that plays ``request``: ``checkpoint`` (``None``: the shipped one) or that of a custom genre.

    Raises ``RefusedError`` for a blend of genres that no single checkpoint plays.
    """
    own = {name: found for name in request.genres if (found := custom_checkpoint(name))}
    if not own or (checkpoint and request.genres.keys() <= _genres_of(checkpoint)):
        return checkpoint
    playing = [found for found in own.values() if request.genres.keys() <= _genres_of(found)]
    if not playing and len(own) > 1:
        raise RefusedError(f"{' and '.join(own)} were taught apart: a blend takes at most one custom genre.")
    return playing[0] if playing else next(iter(own.values()))


def checkpoint_digest(request: ComposeRequest, checkpoint: Path | None = None) -> str:
    """SHA-256 of the checkpoint file that plays ``request``. Raises ``RefusedError`` as ``checkpoint_for``."""
    path = (checkpoint_for(request, checkpoint) or shipped_checkpoint()).resolve()
    stat = path.stat()
    return _digest(path, stat.st_mtime_ns, stat.st_size, stat.st_ino)


@lru_cache(maxsize=4 * COMPOSERS_KEPT)
def _digest(path: Path, _changed: int, _size: int, _file: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _genres_of(checkpoint: Path) -> set[str]:
    return set(composer_for(checkpoint).checkpoint.header.genres)


def composer_for(checkpoint: Path | None) -> Composer:
    """The loaded network of a checkpoint (``None``: the shipped one); loaded again when the file has changed."""
    path = (checkpoint or shipped_checkpoint()).resolve()
    try:
        stat = path.stat()
    except OSError:
        return Composer(load_checkpoint(path))  # raises with the reason
    return _cached_composer(path, stat.st_mtime_ns, stat.st_size, stat.st_ino)


@lru_cache(maxsize=COMPOSERS_KEPT)
def _cached_composer(path: Path, _changed: int, _size: int, _file: int) -> Composer:
    return Composer(load_checkpoint(path))


def check_folder(folder: Path) -> None:
    """Create ``folder`` and check that it is writable. Raises ``RefusedError``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RefusedError(f"{folder}: the output folder must be writable ({error.strerror or error})") from error


def file_stem(plan: Plan, request: ComposeRequest, file: Song | None = None) -> str:
    """A portable file name that no other request has: ``dancing-robots-heavy-metal-7-5d4c1f``.

    Title, genre and seed, then six hexadecimal digits of the whole request and the person's ``file``.
    """
    plain = unicodedata.normalize("NFKD", plan.title).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain)[:LONGEST_STEM].strip("-") or "song"
    genre = re.sub(r"[^a-z0-9]+", "-", plan.genre)
    asked = request.model_dump_json(exclude={"seed", *_unset(request)}).encode() + (midi_bytes(file) if file else b"")
    return f"{words}-{genre}-{plan.seed}-{hashlib.sha256(asked).hexdigest()[:6]}"


def _unset(request: ComposeRequest) -> set[str]:
    """Fields that earlier versions did not have, where they are left out: the names of songs stay."""
    return {name for name in ("variation", "chart_seconds") if not getattr(request, name)}


def subtitle(plan: Plan, song: Song) -> str:
    """The line under the title in the picture and the film."""
    return f"{plan.genre} · {plan.tempo_bpm:g} BPM · {song.bar_count} bars · seed {plan.seed}"


def _tags(plan: Plan, song: Song, key: str) -> Tags:
    return Tags(title=song.title, genre=plan.genre, bpm=plan.tempo_bpm, key=key, seed=plan.seed, link=default_link())


def _rendition(
    request: ComposeRequest, plan: Plan, song: Song, key: str, files: RenderedFiles, label: str, timings: Timings
) -> Rendition:
    notices = []
    if request.key and key and key != str(plan.key):
        notices.append(f"asked for {plan.key}, sounds most like {key}")
    notices += band_notices(request, len(plan.band))
    silent = len(plan.band) - len(song.tracks)
    if silent:
        notices.append(f"{silent} of the band's {len(plan.band)} parts found nothing to play")
    return Rendition(
        title=plan.title,
        genre=plan.genre,
        chords=chord_names(plan, song),
        tempo_bpm=plan.tempo_bpm,
        randomness=plan.randomness,
        sampling=plan.sampling,
        seed=plan.seed,
        key=key or "none",
        duration_seconds=round(song.duration_seconds, 3),
        bars=song.bar_count,
        notes=song.note_count,
        parts=[PartFacts(name=t.name, program=t.program, is_drum=t.is_drum, notes=len(t.notes)) for t in song.tracks],
        files=files.files,
        checkpoint=label,
        notices=notices,
        timings_seconds=timings,
    )
