"""Merging the header of a base checkpoint into that of a fine-tuned one."""

from __future__ import annotations

from dataclasses import replace

from composer.model.checkpoint import Checkpoint, Header


def merged(base: Checkpoint, made: Checkpoint, *, like: str = "", changed: float | None = None) -> Checkpoint:
    """``made`` with ``base``'s facts of the genres that ``made``'s data does not have.

    ``made``'s rows of genres and styles begin with ``base``'s. New genres are drawn as ``like`` is.
    ``changed``: the share by which songs of the old genre that lost most are less likely; None says not at all, so
    their validation figures still hold.
    """
    new, old = made.header, base.header
    staying = [name for name in old.genres if name not in new.data]
    header = new.model_copy(
        update={
            "data": {name: old.data[name] for name in staying if name in old.data} | new.data,
            "licences": {name: old.licences[name] for name in staying if name in old.licences} | new.licences,
            "valid": ({} if changed is not None else _valid(base, staying)) | new.valid,
            "temperatures": _as_of(old.temperatures, like, new) | old.temperatures,
            "motif_bonus": _as_of(old.motif_bonus, like, new) | old.motif_bonus,
            "new_bar_bias": _as_of(old.new_bar_bias, like, new) | old.new_bar_bias,
            "recipe": new.recipe
            | {"base": old.name, "nearest": like}
            | ({} if changed is None else {"old_genres_change": changed}),
        }
    )
    return replace(made, header=header)


def _as_of(of_genres: dict[str, float], like: str, new: Header) -> dict[str, float]:
    """What is ``like``'s own, for the genres that ``new`` has data of."""
    return {name: of_genres[like] for name in new.data if like in of_genres}


def _valid(base: Checkpoint, staying: list[str]) -> dict[str, dict[str, float]]:
    return {name: base.header.valid[name] for name in staying if name in base.header.valid}
