"""Custom genres: a folder with a fine-tuned checkpoint and a card for each.

``GENRE.safetensors`` is the checkpoint that plays GENRE, ``GENRE.json`` its card. The folder is read at each request,
so an added, replaced or deleted genre takes effect at once in every process. Files are validated as any checkpoint.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from composer.errors import RefusedError
from composer.request import TEMPO_RANGE_BPM, GenreName
from midi_data.atomic import atomic_path
from midi_data.genres import GENRES, genre_by_name, plain_name

if TYPE_CHECKING:
    from composer.model.checkpoint import Checkpoint

GENRES_VARIABLE = "RIFFBIRD_GENRES_DIR"
"""Environment variable that names another folder."""
WEIGHTS_ENDING, CARD_ENDING = ".safetensors", ".json"
CARD_SIZE_LIMIT = 64 * 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_RESERVED = frozenset({"drum-grooves"})

LINE_LENGTH, MOST_LICENCES = 400, 200

Line = Annotated[str, StringConstraints(max_length=LINE_LENGTH)]


class GenreCard(BaseModel):
    """Facts of a custom genre: training pieces, hours, ``nll`` in nats a note on held-out pieces, ``added`` in UTC."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: GenreName
    pieces: int = Field(default=0, ge=0)
    hours: float = Field(default=0.0, ge=0)
    nll: float | None = None
    licences: tuple[Line, ...] = Field(default=(), max_length=MOST_LICENCES)
    base: Line = ""
    nearest: Line = ""
    added: datetime
    tempo_range_bpm: tuple[int, int] = (40, 300)

    @property
    def description(self) -> str:
        """The card as one line."""
        return f"taught from {self.pieces} pieces, {self.hours:.1f} hours"


def genres_folder() -> Path:
    """The folder: ``RIFFBIRD_GENRES_DIR``, or ``riffbird/genres`` among the user's data (XDG base directories)."""
    if named := os.environ.get(GENRES_VARIABLE):
        return Path(named).expanduser()
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "riffbird" / "genres"


def check_spelling(name: str) -> str:
    """``name``, if it is a valid genre name. Raises ``RefusedError``."""
    if not _NAME.fullmatch(name):
        raise RefusedError(f"a genre's name is 1-40 lower-case letters, digits and hyphens, not {name!r}")
    return name


def check_name(name: str) -> str:
    """``name``, if a custom genre may have it. Raises ``RefusedError`` for a malformed or a shipped name."""
    check_spelling(name)
    shipped = genre_by_name().get(plain_name(name))
    if shipped or name in _RESERVED:
        raise RefusedError(f"{name!r} is taken: the band ships with {shipped.name if shipped else name}")
    return name


def custom_genre_names() -> tuple[str, ...]:
    """Names of the custom genres, sorted; empty where the folder is missing. Reads the directory, no file."""
    shipped = genre_by_name()
    try:
        names = [path.stem for path in genres_folder().iterdir() if path.suffix == WEIGHTS_ENDING]
    except OSError:
        return ()
    return tuple(sorted(name for name in names if _NAME.fullmatch(name) and plain_name(name) not in shipped))


def custom_checkpoint(name: str) -> Path | None:
    """Path of the checkpoint of custom genre ``name``, or ``None``."""
    return genres_folder() / f"{name}{WEIGHTS_ENDING}" if name in custom_genre_names() else None


def spellings() -> dict[str, str]:
    """Every accepted spelling of a genre → its canonical name, shipped and custom."""
    shipped = {spelling: genre.name for spelling, genre in genre_by_name().items()}
    return shipped | {name: name for name in custom_genre_names()}


def cards() -> list[GenreCard]:
    """Cards of the custom genres, by name. A missing or damaged card is rebuilt from the date of the checkpoint."""
    return [_card(name) for name in custom_genre_names()]


def mix_genres(genres: Mapping[str, float]) -> dict[str, float]:
    """Return ``genres`` (name → weight) with each custom genre replaced by the shipped one it was trained from."""
    shipped = {genre.name for genre in GENRES}
    weights: dict[str, float] = {}
    for name, weight in genres.items():
        nearest = name if name in shipped else _card(name).nearest
        weights[nearest] = weights.get(nearest, 0.0) + weight
    return weights


def _card(name: str) -> GenreCard:
    path = genres_folder() / f"{name}{CARD_ENDING}"
    try:
        if path.stat().st_size <= CARD_SIZE_LIMIT:
            return GenreCard.model_validate_json(path.read_bytes()).model_copy(update={"name": name})
    except (OSError, ValidationError):
        pass
    weights = path.with_suffix(WEIGHTS_ENDING)
    added = datetime.fromtimestamp(weights.stat().st_mtime, UTC) if weights.exists() else datetime.now(UTC)
    return GenreCard(name=name, added=added)


def add(file: Path, name: str = "", *, replace: bool = False) -> GenreCard:
    """Add the checkpoint ``file`` under its custom genre (``name`` selects one where it has several).

    Everything is validated before anything is written. Raises ``CheckpointError`` for an invalid file and
    ``RefusedError`` for one without a custom genre, or whose name exists already (unless ``replace``).
    """
    from composer.model.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(file)
    mine = check_name(name or _taught(checkpoint, file))
    if mine not in checkpoint.header.genres:
        raise RefusedError(f"{file}: the checkpoint plays {', '.join(checkpoint.header.genres)}, not {mine}")
    if mine in custom_genre_names() and not replace:
        raise RefusedError(f"genre {mine} exists already; delete it first: riffbird genres delete {mine}")
    card = card_of(checkpoint, mine)
    folder = genres_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The checkpoint is written last: a genre exists once it does.
        with atomic_path(folder / f"{mine}{CARD_ENDING}") as part:
            part.write_text(card.model_dump_json(indent=1), encoding="utf-8")
        with atomic_path(folder / f"{mine}{WEIGHTS_ENDING}") as part:
            shutil.copyfile(file, part)
    except OSError as error:
        raise RefusedError(f"{folder}: the genre folder must be writable ({error.strerror or error})") from error
    return card


def card_of(checkpoint: Checkpoint, name: str) -> GenreCard:
    """The card of genre ``name`` of ``checkpoint``, with the present time as ``added``."""
    header = checkpoint.header
    totals = header.data.get(name, {})
    return GenreCard(
        name=name,
        pieces=int(totals.get("pieces", 0)),
        hours=round(totals.get("hours", 0.0), 2),
        nll=header.valid.get(name, {}).get("nll"),
        licences=tuple(_line(text) for text in sorted(header.licences.get(name, {}))[:MOST_LICENCES]),
        base=_line(str(header.recipe.get("base", ""))),
        nearest=_line(str(header.recipe.get("nearest", ""))),
        added=datetime.now(UTC).replace(microsecond=0),
        tempo_range_bpm=_tempo_range(checkpoint, name),
    )


def _line(text: str) -> str:
    """Printable characters of ``text``, cut to ``LINE_LENGTH``: headers of foreign files are not trusted."""
    return "".join(letter for letter in text if letter.isprintable())[:LINE_LENGTH]


def custom_names_among(genres: Iterable[str]) -> list[str]:
    """Those of ``genres`` that do not ship."""
    shipped = {genre.name for genre in GENRES} | _RESERVED
    return [name for name in genres if name not in shipped]


def _taught(checkpoint: Checkpoint, file: Path) -> str:
    """The custom genre of a checkpoint: the one that it is named after, or its only one. Raises ``RefusedError``."""
    new = custom_names_among(checkpoint.header.genres)
    if checkpoint.header.name in new:
        return checkpoint.header.name
    if len(new) != 1:
        raise RefusedError(f"{file}: the file must hold exactly one custom genre, not {len(new)}")
    return new[0]


def _tempo_range(checkpoint: Checkpoint, name: str) -> tuple[int, int]:
    """Slowest and fastest tempo of most songs of ``name``, within the range of a request."""
    from composer.planning.pooled import PooledStatistics

    pooled, genres = PooledStatistics.of(checkpoint.pooled), checkpoint.header.genres
    slowest, fastest = pooled.tempo_range(pooled.facts_row(genres.index(name), 0, len(genres)))
    low, high = (int(bpm) for bpm in TEMPO_RANGE_BPM)
    return max(slowest, low), min(fastest, high)


def export(name: str, file: Path) -> None:
    """Copy the checkpoint of genre ``name`` to ``file``, for ``add`` elsewhere. Raises ``RefusedError``."""
    found = _existing(name)
    try:
        with atomic_path(file, make_folder=False) as part:
            shutil.copyfile(found, part)
    except OSError as error:
        raise RefusedError(f"{file}: cannot be written ({error.strerror or error})") from error


def delete(name: str) -> None:
    """Delete genre ``name``, the checkpoint before the card. Raises ``RefusedError``."""
    found = _existing(name)
    try:
        found.unlink()
        found.with_suffix(CARD_ENDING).unlink(missing_ok=True)
    except OSError as error:
        raise RefusedError(f"{found}: cannot be deleted ({error.strerror or error})") from error


def _existing(name: str) -> Path:
    found = custom_checkpoint(name)
    if found is None:
        raise RefusedError(f"there is no custom genre {name!r}; there are: {', '.join(custom_genre_names()) or 'none'}")
    return found
