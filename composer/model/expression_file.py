"""The file of the expression network (``composer.model.expression``): safetensors with its genres in the metadata."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from safetensors import SafetensorError, safe_open

from composer.errors import CheckpointError
from composer.model.expression import Expression
from midi_data.events.expression_features import FEATURES, LENGTH_CODES, RESIDUALS

FORMAT = "riffbird-expression-2"


def expected_shapes(genres: int) -> dict[str, tuple[int, ...]]:
    """Shape of every weight, by the width and the hidden size of the trained network."""
    from_width, hidden = 64, 128
    shapes: dict[str, tuple[int, ...]] = {f"tables.{name}.weight": (n, from_width) for name, n in FEATURES.items()}
    shapes |= {"genre.weight": (genres, from_width), "length_given.weight": (RESIDUALS, LENGTH_CODES)}
    shapes |= {"lstm.weight_ih_l0": (4 * hidden, from_width), "lstm.weight_hh_l0": (4 * hidden, hidden)}
    shapes |= {"lstm.bias_ih_l0": (4 * hidden,), "lstm.bias_hh_l0": (4 * hidden,)}
    for name, count in (("residual", RESIDUALS), ("length", LENGTH_CODES)):
        shapes |= {f"{name}.weight": (count, hidden), f"{name}.bias": (count,)}
        shapes |= {f"{name}_skip.weight": (count, from_width)}
    return shapes


def load_expression(path: Path) -> Expression:
    """The expression network in ``path``. Raises ``CheckpointError`` for a damaged or foreign file."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            header = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a mapping
        genres = json.loads(header.get("genres", "null"))
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: an expression network must be a safetensors file ({error})") from error
    if header.get("format") != FORMAT or not isinstance(genres, list):
        raise CheckpointError(f"{path}: format must be {FORMAT}, not {header.get('format')!r}")
    if {name: weight.shape for name, weight in weights.items()} != expected_shapes(len(genres)):
        raise CheckpointError(f"{path}: names or shapes of the weights are not those of {FORMAT}")
    return Expression(weights, [str(name) for name in genres])


@cache
def shipped_expression() -> Expression:
    """The expression network of the package, loaded once a process."""
    return load_expression(Path(__file__).parents[1] / "checkpoints" / "expression.safetensors")
