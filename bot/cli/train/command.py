"""``riffbird train``: a genre from MIDI, or a network anew by a recipe. Needs the ``train`` extra (torch)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast

from bot.cli.console import print_result, print_status, progress_bar
from bot.cli.errors import CommandRefusedError
from bot.cli.train.licences import NOT_STATED, stated_licence
from bot.cli.train.options import (
    Base,
    Corpus,
    Device,
    FromScratch,
    Genre,
    InQueue,
    Licence,
    Midi,
    Minutes,
    Out,
    Processes,
    Recipe,
    Resume,
    TensorBoard,
    Updates,
    check,
)

if TYPE_CHECKING:
    from training.devices import DeviceName
    from training.request import TrainingRequest


def train(
    genre: Genre = "",
    midi: Midi = None,
    corpus: Corpus = None,
    recipe: Recipe = None,
    base: Base = None,
    from_scratch: FromScratch = False,
    out: Out = None,
    minutes: Minutes = None,
    updates: Updates = None,
    licence: Licence = None,
    device: Device = "auto",
    resume: Resume = False,
    processes: Processes = 1,
    tensorboard: TensorBoard = None,
    queue: InQueue = False,
) -> None:
    """Teach the band a genre from MIDI files, or train a network anew."""
    if queue:
        if corpus or recipe or base or from_scratch or resume or tensorboard or processes != 1 or device != "auto":
            raise CommandRefusedError("--queue takes --genre, --midi, --minutes, --updates, --licence, --out, no other")
        _train_in_queue(genre, midi, minutes, updates, licence, out)
        return
    check(midi, corpus, device, minutes, updates)
    from training.request import TrainingRequest

    request = TrainingRequest(
        genre=genre, midi=midi, corpus=corpus, recipe=recipe, base=base, out=out, minutes=minutes, updates=updates,
        device=cast("DeviceName", device), resume=resume, from_scratch=from_scratch,
        licence=stated_licence(licence, midi) if midi else NOT_STATED, tensorboard=tensorboard,
    )  # fmt: skip
    _train_here(request, processes)


def _train_in_queue(genre: Genre, midi: Midi, minutes: Minutes, updates: Updates, licence: Licence, out: Out) -> None:
    """Hand the training to a worker of the service and wait for it."""
    from bot.cli.train.remote import train_in_queue

    stated = stated_licence(licence, midi) if midi else NOT_STATED
    written = train_in_queue(genre=genre, midi=midi, minutes=minutes, updates=updates, licence=stated, out=out)
    print_result(str(written))


def _train_here(request: TrainingRequest, processes: int) -> None:
    """Train in this process, or with ``processes`` that are started for it."""
    from bot.cli.train.display import Display
    from training.distributed import is_first_process
    from training.request import check_processes, config_of
    from training.train import run_training

    if processes != 1:
        from training.launch import become_processes, without

        check_processes(request, config_of(request), processes)
        become_processes("bot.cli.main", without(sys.argv[1:], "--processes"), processes)
    with progress_bar() as bar:
        written = run_training(request, Display(bar))
    if is_first_process():
        print_status("done")
        print_result(str(written))
