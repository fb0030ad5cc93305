"""Requests to files: names that tell requests apart, folders shared by several commands, songs that once failed."""

import threading
from pathlib import Path

from composer.pipeline import check_folder, compose_songs, composer_for, file_stem
from composer.planning.plan import plan_song
from composer.request import ComposeRequest, PartRequest
from tests.songs import riff


def stem(**wishes: object) -> str:
    request = ComposeRequest.model_validate({"title": "Robots", "genres": {"jazz": 1.0}, "seed": 7, **wishes})
    return file_stem(plan_song(request, composer_for(None).checkpoint), request)


def test_requests_that_differ_in_anything_have_files_of_their_own() -> None:
    plain = stem()
    others = [stem(tempo_bpm=100), stem(randomness=0.2), stem(length_seconds=20), stem(seed=8), stem(title="ロボット")]
    others += [stem(band=(PartRequest(program=0),)), stem(key={"tonic": 2, "mode": "minor"}), stem(title="robots")]
    assert len({plain, *others}) == 9
    assert plain == stem()
    assert plain.startswith("robots-jazz-7-")


def test_a_primer_is_part_of_the_name() -> None:
    request = ComposeRequest(genres={"jazz": 1.0}, seed=7)
    plan = plan_song(request, composer_for(None).checkpoint)
    assert len({file_stem(plan, request), file_stem(plan, request, riff(1)), file_stem(plan, request, riff(2))}) == 3


def test_two_commands_may_write_into_one_folder_at_once(tmp_path: Path) -> None:
    errors: list[BaseException] = []

    def check() -> None:
        try:
            for _ in range(50):
                check_folder(tmp_path / "songs")
        except BaseException as error:  # noqa: BLE001  of another thread
            errors.append(error)

    threads = [threading.Thread(target=check) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert list((tmp_path / "songs").iterdir()) == []


def test_an_excerpt_is_never_silent() -> None:
    [song] = compose_songs([ComposeRequest(genres={"classical": 1.0}, seed=2583, length_seconds=10)])
    assert song.note_count
