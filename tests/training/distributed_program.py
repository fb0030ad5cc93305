"""One of several processes that train together: ``python -m tests.training.distributed_program ORDER``.

``ORDER`` is JSON: ``prepared``, ``folder``, ``out``, ``recipe``, ``resume``, ``stop_at`` (0: run to the end).
"""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from midi_data.corpus.dataset import all_pieces, open_shards
from tests.waiting import wait_for
from training.config import TrainingConfig
from training.data.corpora import names_of
from training.distributed import Ranks, joined
from training.note_trainer import NoteTrainer
from training.trainer import Report


class Watched(NoteTrainer):
    """Keeps the gradients of each update."""

    def _step(self) -> None:
        self.gradients = getattr(self, "gradients", [])
        self.gradients.append({n: p.grad.clone() for n, p in self.named.items() if p.grad is not None})
        super()._step()


class StoppedError(Exception):
    pass


def trained(order: dict[str, Any], ranks: Ranks) -> Watched:
    pieces = list(all_pieces(open_shards(Path(order["prepared"])), "train"))
    recipe = TrainingConfig(**order["recipe"])
    names = names_of(pieces)
    run = Watched(recipe, pieces[:-1], pieces[-1:], names, Path(order["folder"]), ranks)
    if order["resume"]:
        run.resume()

    def stop(report: Report) -> None:
        if report.update == order["stop_at"]:
            run.save()
            raise StoppedError

    with suppress(StoppedError):
        run.run(stop)
    return run


def threads_of_group() -> list[str]:
    """Names of this process's threads of gloo."""
    names = []
    for task in Path("/proc/self/task").glob("*/comm"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            names.append(task.read_text().strip())
    return [name for name in names if "gloo" in name]


def main() -> None:
    order = json.loads(Path(sys.argv[1]).read_text())
    with joined("cpu") as ranks:
        run = trained(order, ranks)
        tensors = {f"weight.{n}": p.detach() for n, p in run.named.items()}
        tensors |= {f"average.{n}": p for n, p in run.average.items()}
        tensors |= {f"gradient.{n}": p for n, p in run.gradients[0].items()}
        save_file({name: t.contiguous() for name, t in tensors.items()}, f"{order['out']}-{ranks.rank}")
    # One that outlives the group now and then aborts the process as it ends. The kernel lists a thread that has been
    # joined for a moment longer.
    wait_for(lambda: not threads_of_group())


if __name__ == "__main__":
    main()
