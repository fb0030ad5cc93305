import pytest

from tests.bot.fakes.fixtures import clock, fake_x, server_url, stage  # noqa: F401  fixtures
from tests.bot.fakes.stage import Stage
from tests.bot.fakes.x import BAND, FakeX


def test_a_mention_gets_one_reply_with_a_playable_video_of_the_asked_genre_and_tempo(stage: Stage, fake_x: FakeX) -> None:  # noqa: F811
    ada = fake_x.person("ada")
    asked = fake_x.write(ada, "@riffbird Dancing robots /compose /g jazz /t 160 /r 0.2")
    bot = stage.x_bot(fake_x)
    stage.settle(bot)
    (reply,) = fake_x.replies_to(asked.id)
    played = fake_x.played(reply.media[0])
    assert (played.genre, played.tempo_bpm) == ("jazz", 160)
    assert reply.made_with_ai
    assert fake_x.uploads[reply.media[0]].alt_text
    assert fake_x.violations == []
