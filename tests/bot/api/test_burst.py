from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psutil

from tests.bot.service import MakeClient, Service
from tests.waiting import wait_for

ASKED, LIMIT = 200, 100
GIGABYTE = 2**30


def test_of_200_at_once_every_accepted_song_is_made_exactly_once_and_the_rest_are_turned_away(
    service_client_with: MakeClient, service_band: Service
) -> None:
    client = service_client_with(queue_limit=LIMIT, rate_limit_songs=ASKED)
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda n: client.post("/compositions", json={"text": f"{n} /compose"}), range(ASKED)))
    assert Counter(answer.status_code for answer in answers) == {202: LIMIT, 503: ASKED - LIMIT}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers if answer.status_code == 503)
    with service_band.worker() as first, service_band.worker() as second:
        wait_for(lambda: service_band.queues.stats.read().outcomes.get("done") == LIMIT)
        for process in (psutil.Process(first.pid), psutil.Process(second.pid), psutil.Process()):
            assert process.memory_info().rss < GIGABYTE
    accepted = {answer.json()["id"] for answer in answers if answer.status_code == 202}
    songs = service_band.queues.songs.newest(2 * LIMIT)
    assert {song.id for song in songs} == accepted
    assert sorted(song.number for song in songs) == list(range(1, LIMIT + 1))
    assert service_band.queues.stats.read().outcomes == {"done": LIMIT}
