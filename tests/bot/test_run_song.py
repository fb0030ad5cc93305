# ruff: noqa: F401, F811  fixtures are imported by name
"""End to end with the real band and the shipped checkpoint: mention → queue → worker → model → MP4 → reply."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mido
import pytest

from bot.networks.retry import SystemClock
from bot.networks.x.client import XNetwork
from composer.model.checkpoint import shipped_checkpoint
from tests.bot.fakes.fixtures import server_url
from tests.bot.fakes.harness import Harness, open_harness, x_settings
from tests.bot.fakes.x import FakeX
from tests.waiting import DEADLINE_SECONDS

ROOT = Path(__file__).parents[2]
LONGEST_SECONDS = 300.0

needs_checkpoint = pytest.mark.skipif(not shipped_checkpoint().exists(), reason="no checkpoint is shipped yet")


@contextmanager
def worker_process(harness: Harness) -> Iterator[None]:
    """A real worker, as `riffbird worker` starts it."""
    environment = os.environ | harness.queues.settings.environment()
    process = subprocess.Popen([sys.executable, "-m", "worker"], env=environment, cwd=ROOT)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(DEADLINE_SECONDS)


@needs_checkpoint
def test_a_mention_becomes_a_composed_song_posted_as_a_video_that_x_takes(server_url: str, tmp_path: Path) -> None:
    clock = SystemClock()
    harness = open_harness(server_url, tmp_path, clock, performer="composer.pipeline.compose")
    with FakeX(clock.now) as fake, worker_process(harness):
        network = XNetwork(x_settings(fake), harness.reply_store("x"), clock, random.Random(1))
        bot = harness.bot(network, x_settings(fake))
        asked = fake.write(fake.person("ada"), "@riffbird Dancing robots /compose /g metal /t 160 /r 0.2 /l 10 /s 7")
        deadline = time.monotonic() + LONGEST_SECONDS
        while not fake.replies_to(asked.id):
            assert time.monotonic() < deadline, "no reply in time"
            clock.sleep(min(0.2, bot.turn()))
        (reply,) = fake.replies_to(asked.id)
        played = fake.played(reply.media[0])
        song = harness.queues.songs.find(f"x-{asked.id}")
    assert song is not None
    assert (song.rendition.genre, song.rendition.tempo_bpm, song.rendition.seed) == ("heavy-metal", 160, 7)
    assert (played.video_codec, played.pixel_format, played.audio_codec) == ("h264", "yuv420p", "aac")
    assert 8 <= played.seconds <= 20
    midi = mido.MidiFile(harness.queues.media.fetch(song.id, "song.mid", tmp_path))
    tempos = [message.tempo for track in midi.tracks for message in track if message.type == "set_tempo"]
    assert round(mido.tempo2bpm(tempos[0])) == 160
    assert song.rendition.notes > 20
    assert all(words in reply.text for words in ("Dancing robots", "heavy-metal", "160 bpm", "/s 7"))
    assert fake.violations == []
