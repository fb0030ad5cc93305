"""One's own genres: a folder of checkpoints, each taught one genre more, and a card of facts beside each.

``GENRE.safetensors`` plays GENRE; ``GENRE.json`` says how it came to be. Whoever composes looks here at each request:
a genre that is added, replaced or removed counts at once, in every process that reads the folder. A file from outside
is trusted no more than any checkpoint. Knows no training, no queue and no network; light until a checkpoint is read.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from composer.errors import RefusedError
from composer.request import TEMPO_RANGE_BPM, GenreName
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
    """What is known of one's own genre. ``nll`` in nats a note on held-out pieces; ``added`` in UTC."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: GenreName
    pieces: int = Field(default=0, ge=0)
    hours: float = Field(default=0.0, ge=0)
    nll: float | None = None
    licences: tuple[Line, ...] = Field(default=(), max_length=MOST_LICENCES)
    base: Line = ""
    added: datetime
    tempo_range_bpm: tuple[int, int] = (40, 300)

    @property
    def description(self) -> str:
        """The card in a line."""
        return f"taught from {self.pieces} pieces, {self.hours:.1f} hours"


def genres_folder() -> Path:
    """The folder: ``RIFFBIRD_GENRES_DIR``, or ``riffbird/genres`` among the user's data (XDG base directories)."""
    if named := os.environ.get(GENRES_VARIABLE):
        return Path(named).expanduser()
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "riffbird" / "genres"


def check_spelling(name: str) -> str:
    """``name``, if any genre may be called so. Raises ``RefusedError`` with the rule."""
    if not _NAME.fullmatch(name):
        raise RefusedError(f"a genre's name is 1-40 lower-case letters, digits and hyphens, not {name!r}")
    return name


def check_name(name: str) -> str:
    """``name``, if a genre of one's own may be called so. Raises ``RefusedError`` with the rule."""
    check_spelling(name)
    shipped = genre_by_name().get(plain_name(name))
    if shipped or name in _RESERVED:
        raise RefusedError(f"{name!r} is a name of {shipped.name if shipped else name}, which the band plays already")
    return name


def own_names() -> tuple[str, ...]:
    """The names of one's own genres, sorted; none where there is no folder. A glance at the folder, no file is read."""
    shipped = genre_by_name()
    try:
        names = [path.stem for path in genres_folder().iterdir() if path.suffix == WEIGHTS_ENDING]
    except OSError:
        return ()
    return tuple(sorted(name for name in names if _NAME.fullmatch(name) and plain_name(name) not in shipped))


def own_checkpoint(name: str) -> Path | None:
    """The checkpoint that plays ``name``, or None where there is no such genre."""
    return genres_folder() / f"{name}{WEIGHTS_ENDING}" if name in own_names() else None


def spellings() -> dict[str, str]:
    """Every accepted spelling of a genre on offer to its name: the shipped ones' and one's own."""
    shipped = {spelling: genre.name for spelling, genre in genre_by_name().items()}
    return shipped | {name: name for name in own_names()}


def cards() -> list[GenreCard]:
    """The cards of one's own genres, by name. A card that is lost or damaged is told from its file's date alone."""
    return [_card(name) for name in own_names()]


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
    """Take the checkpoint ``file`` in, under the genre it was taught (or ``name``, if it plays several new ones).

    Everything is checked before anything is written. Raises ``CheckpointError`` for a file that is none, and
    ``RefusedError`` for one without a genre of its own, or whose name is taken (unless ``replace``).
    """
    from composer.model.checkpoint import load_checkpoint

    checkpoint = load_checkpoint(file)
    mine = check_name(name or _taught(checkpoint, file))
    if mine not in checkpoint.header.genres:
        raise RefusedError(f"{file}: plays {', '.join(checkpoint.header.genres)}, not {mine}")
    if mine in own_names() and not replace:
        raise RefusedError(f"there is a genre {mine} already; delete it first: riffbird genres delete {mine}")
    card = card_of(checkpoint, mine)
    folder = genres_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The weights last: they are what makes a genre.
        with _written(folder / f"{mine}{CARD_ENDING}") as part:
            part.write_text(card.model_dump_json(indent=1), encoding="utf-8")
        with _written(folder / f"{mine}{WEIGHTS_ENDING}") as part:
            shutil.copyfile(file, part)
    except OSError as error:
        raise RefusedError(f"{folder}: genres cannot be kept here ({error.strerror or error})") from error
    return card


def card_of(checkpoint: Checkpoint, name: str) -> GenreCard:
    """What ``checkpoint`` says of its genre ``name``, added now."""
    header = checkpoint.header
    amounts = header.data.get(name, {})
    return GenreCard(
        name=name,
        pieces=int(amounts.get("pieces", 0)),
        hours=round(amounts.get("hours", 0.0), 2),
        nll=header.valid.get(name, {}).get("nll"),
        licences=tuple(_line(text) for text in sorted(header.licences.get(name, {}))[:MOST_LICENCES]),
        base=_line(str(header.recipe.get("base", ""))),
        added=datetime.now(UTC).replace(microsecond=0),
        tempo_range_bpm=_tempo_range(checkpoint, name),
    )


def _line(text: str) -> str:
    """A foreign file's words as one line that may be printed."""
    return "".join(letter for letter in text if letter.isprintable())[:LINE_LENGTH]


def taught_names(genres: Iterable[str]) -> list[str]:
    """Those of a checkpoint's ``genres`` that do not ship."""
    shipped = {genre.name for genre in GENRES} | _RESERVED
    return [name for name in genres if name not in shipped]


def _taught(checkpoint: Checkpoint, file: Path) -> str:
    """The genre a checkpoint was taught last: what it is called after, or the only one that does not ship."""
    new = taught_names(checkpoint.header.genres)
    if checkpoint.header.name in new:
        return checkpoint.header.name
    if len(new) != 1:
        raise RefusedError(f"{file}: a file to take in brings one genre of its own, this one {len(new)}")
    return new[0]


def _tempo_range(checkpoint: Checkpoint, name: str) -> tuple[int, int]:
    """The slowest and the fastest tempo of the pieces it learned from, as far as they may be asked for."""
    from composer.model.checkpoint import LINEUP_COLUMNS

    mine = checkpoint.lineups[:, 0] == checkpoint.header.genres.index(name)
    low, high = (int(bpm) for bpm in TEMPO_RANGE_BPM)
    tempos = [min(max(bpm, low), high) for bpm in checkpoint.lineups[mine, LINEUP_COLUMNS.index("tempo_bpm")].tolist()]
    return (min(tempos, default=low), max(tempos, default=high))


@contextmanager
def _written(path: Path) -> Iterator[Path]:
    """A file to write that takes ``path``'s place when the block ends well, and is gone in any case."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def export(name: str, file: Path) -> None:
    """Write genre ``name`` to ``file``, as ``add`` takes it in. Raises ``RefusedError``."""
    found = _found(name)
    try:
        with _written(file) as part:
            shutil.copyfile(found, part)
    except OSError as error:
        raise RefusedError(f"{file}: cannot be written ({error.strerror or error})") from error


def delete(name: str) -> None:
    """Forget genre ``name``, its weights first. Raises ``RefusedError``."""
    found = _found(name)
    try:
        found.unlink()
        found.with_suffix(CARD_ENDING).unlink(missing_ok=True)
    except OSError as error:
        raise RefusedError(f"{found}: cannot be deleted ({error.strerror or error})") from error


def _found(name: str) -> Path:
    found = own_checkpoint(name)
    if found is None:
        raise RefusedError(f"there is no genre {name!r} of your own; there are: {', '.join(own_names()) or 'none'}")
    return found
