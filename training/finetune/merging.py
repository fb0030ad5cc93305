"""Merging the header and tables of a base checkpoint into those of a fine-tuned one."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from composer.model.checkpoint import Checkpoint, Header

_OWN = ("header", "weights", "planner", "path")


def merged(base: Checkpoint, made: Checkpoint, *, like: str = "", changed: float | None = None) -> Checkpoint:
    """``made`` with what ``base`` heard of the genres that ``made``'s data does not have.

    ``made``'s rows of genres and styles begin with ``base``'s. New genres are drawn as ``like`` is.
    ``changed``: the share by which songs of the old genre that lost most are less likely; None says not at all, so
    their validation figures still hold.
    """
    new, old = made.header, base.header
    kept = np.array([old.genres[row] not in new.data for row in base.templates[:, 0].tolist()], dtype=np.bool_)
    tables = {each.name: _joined(base, made, each.name, kept) for each in fields(Checkpoint) if each.name not in _OWN}
    staying = [name for name in old.genres if name not in new.data]
    header = new.model_copy(
        update={
            "data": {name: old.data[name] for name in staying if name in old.data} | new.data,
            "licences": {name: old.licences[name] for name in staying if name in old.licences} | new.licences,
            "valid": ({} if changed is not None else _valid(base, staying)) | new.valid,
            "temperatures": _as_of(old.temperatures, like, new) | old.temperatures,
            "repetition_strength": _as_of(old.repetition_strength, like, new) | old.repetition_strength,
            "recipe": new.recipe
            | {"base": old.name, "nearest": like}
            | ({} if changed is None else {"old_genres_change": changed}),
        }
    )
    return replace(made, header=header, planner=base.planner, style=base.style, **tables)


def _as_of(of_genres: dict[str, float], like: str, new: Header) -> dict[str, float]:
    """What is ``like``'s own, for the genres that ``new`` has data of."""
    return {name: of_genres[like] for name in new.data if like in of_genres}


def _valid(base: Checkpoint, staying: list[str]) -> dict[str, dict[str, float]]:
    return {name: base.header.valid[name] for name in staying if name in base.header.valid}


def _joined(base: Checkpoint, made: Checkpoint, name: str, kept: np.ndarray[Any, Any]) -> Any:
    old, new = getattr(base, name), getattr(made, name)
    if isinstance(old, tuple):
        return tuple(each for each, stays in zip(old, kept, strict=True) if stays) + new
    return np.concatenate([old[kept], new])
