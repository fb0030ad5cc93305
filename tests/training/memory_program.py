"""A training that may take so much memory: ``python -m tests.training.memory_program PREPARED FOLDER MEGABYTES``.

``MEGABYTES`` above what the libraries need. Prints the notes of the corpus in bytes, and those played.
"""

import resource
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from midi_data.corpus.dataset import all_pieces, open_shards
from training.config import TrainingConfig, Widths
from training.data.corpora import names_of
from training.distributed import Ranks
from training.note_trainer import NoteTrainer
from training.trainer import Report
from training.validation import nll_by_genre

RECIPE = TrainingConfig(
    name="large",
    updates=1000,
    batch_size=8,
    steps=96,
    valid_every=1000,
    valid_notes_a_genre=20_000,
    precision="fp32",
    widths=Widths(hidden=8, layers=1, inputs=8, head=8),
)


UPDATES = 60


class StoppedError(Exception):
    pass


def load_libraries() -> None:
    """Load what torch loads at a first training step: its own code and buffers are not what is measured."""
    lstm = torch.nn.LSTM(8, 8)
    optimizer = torch.optim.AdamW(lstm.parameters())
    output, _ = lstm(torch.zeros(96, 8, 8))  # (S, B, 8)
    output.sum().backward()
    optimizer.step()


def allow(more_bytes: int) -> None:
    """Let this process have that much more memory of its own; what is mapped from files is not counted."""
    lines = Path("/proc/self/status").read_text().splitlines()
    [taken] = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData")]
    resource.setrlimit(resource.RLIMIT_DATA, (taken + more_bytes, taken + more_bytes))


def main() -> None:
    prepared, folder, megabytes = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    load_libraries()
    allow(megabytes << 20)
    shards = open_shards(prepared)
    size = sum(shard.notes.nbytes for shard in shards)
    try:
        np.concatenate([np.array(shard.notes) for shard in shards])
    except MemoryError:
        pass
    else:
        raise SystemExit("all notes fit in memory: the limit shows nothing")
    train, valid = list(all_pieces(shards, "train")), list(all_pieces(shards, "valid"))
    run = NoteTrainer(RECIPE, train, valid, names_of(train), folder, Ranks(torch.device("cpu")))

    def stop(report: Report) -> None:
        if report.update == UPDATES:
            run.save()
            raise StoppedError

    with suppress(StoppedError):
        run.run(stop)
    nll_by_genre(run.network, run.valid_pieces, run.names, run.device)
    sys.stdout.write(f"{size} {run.items}\n")


if __name__ == "__main__":
    main()
