"""How the command ends: 0 done, 2 refused (the person's fault), 1 failed (ours). One line on stderr, no traceback."""

from __future__ import annotations

DONE, FAILED, REFUSED = 0, 1, 2


class CommandRefusedError(Exception):
    """For the person at the terminal: what was asked cannot be done. One line: the rule and the value."""


def is_refusal(error: BaseException) -> bool:
    """Whether ``error`` is the person's fault: each package's errors for the person are refusals."""
    from composer.errors import RefusedError
    from midi_data.errors import MidiDataError

    if isinstance(error, (CommandRefusedError, RefusedError, MidiDataError)):
        return True
    # Named, not imported: training loads torch, and most commands never need it.
    return any(each.__name__ in ("TrainingError", "WorkerRefusedError") for each in type(error).__mro__)
