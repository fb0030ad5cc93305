"""Exit status: 0 done, 2 refused (a fault of the request), 1 failed (a fault of the program)."""

from __future__ import annotations

DONE, FAILED, REFUSED = 0, 1, 2


class CommandRefusedError(Exception):
    """The command cannot do what was requested. One line: the rule and the value."""


def is_refusal(error: BaseException) -> bool:
    """Whether ``error`` is a fault of the request."""
    from composer.errors import RefusedError
    from midi_data.errors import MidiDataError

    if isinstance(error, (CommandRefusedError, RefusedError, MidiDataError)):
        return True
    # Compared by name: importing training loads torch, which most commands do not need.
    return any(each.__name__ in ("TrainingError", "WorkerRefusedError") for each in type(error).__mro__)
