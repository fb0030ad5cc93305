"""The child process that reads untrusted files: ``child convert SECONDS BYTES`` or ``child read SOURCE``.

Reads frames from standard input and writes frames to standard output. A bad file may kill it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO

from midi_data.ingest.sandbox.frames import Frame, read_frame, write_frame
from midi_data.ingest.sandbox.limits import READER_BYTES, Limits, limit_memory, start_clock, stop_clock
from midi_data.ingest.sandbox.network import deny_network

OUT_OF_MEMORY = 77
"""Exit status after an allocation failed: the heap may be inconsistent."""


def convert_files(limits: Limits, incoming: BinaryIO, outgoing: BinaryIO) -> None:
    """Answer every incoming file with its converted piece, or with the reason why there is none."""
    from midi_data.ingest.convert import convert

    limit_memory(limits.more_bytes)
    write_frame(outgoing, {"ready": True})
    while frame := read_frame(incoming):
        head, data = frame
        start_clock(limits.seconds)
        answer: Frame = convert(data, **head)
        stop_clock()
        write_frame(outgoing, *answer)


def read_source(source: Path, outgoing: BinaryIO) -> None:
    """Send every MIDI file of a folder or archive; ``{"pulse": true}`` while unpacking finds none."""
    from midi_data.corpus.archive import midi_members
    from midi_data.errors import CorpusError

    limit_memory(READER_BYTES)
    write_frame(outgoing, {"ready": True})
    try:
        for member in midi_members(source, on_unpacked=lambda: write_frame(outgoing, {"pulse": True})):
            head = {"name": member.name, "reason": member.reason, "detail": member.detail}
            write_frame(outgoing, head, member.data or b"")
    except CorpusError as error:
        write_frame(outgoing, {"refused": str(error)})
    write_frame(outgoing, {"end": True})


def main(arguments: list[str]) -> None:
    """Run with the pipes reserved for frames: output of libraries is discarded."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    deny_network()
    try:
        if arguments[0] == "read":
            read_source(Path(arguments[1]), outgoing)
        else:
            convert_files(Limits(float(arguments[1]), int(arguments[2])), incoming, outgoing)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except BrokenPipeError:  # the parent is gone or has closed the pipe
        os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
