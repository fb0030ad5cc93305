"""The judge is fair: more of the same is told to be the same, noise is told apart. Tiny corpora, tiny networks."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="evaluation needs the train extra")
pytest.importorskip("sklearn", reason="evaluation needs the evaluate extra")
pytest.importorskip("matplotlib", reason="evaluation needs the evaluate extra")

from bot.cli import evaluate as command  # noqa: E402
from bot.cli.errors import CommandRefusedError  # noqa: E402
from midi_data.events.encoding import EventSequence, encode  # noqa: E402
from midi_data.io.midi_writer import write_midi  # noqa: E402
from midi_data.song import Note, Song, Track  # noqa: E402
from tests.composer.checkpoints import tiny_checkpoint  # noqa: E402
from tests.songs import riff  # noqa: E402
from training.evaluation.calibration import Trial, best_of, excess_of  # noqa: E402
from training.evaluation.control import genre_report  # noqa: E402
from training.evaluation.discriminators.features import measure  # noqa: E402
from training.evaluation.discriminators.folds import cross_validate, folds_by_work  # noqa: E402
from training.evaluation.discriminators.trees import tree_classifier  # noqa: E402
from training.evaluation.discriminators.window_network import network_classifier  # noqa: E402
from training.evaluation.distances import (  # noqa: E402
    compare,
    interval,
    jensen_shannon,
    mean_with_interval,
    wasserstein,
)
from training.evaluation.errors import EvaluationError  # noqa: E402
from training.evaluation.evaluate import (  # noqa: E402
    FEWEST_SONGS,
    Evaluation,
    EvaluationRequest,
    enough_songs,
    evaluate,
    plain,
)
from training.evaluation.harmony import SOURCES, harmony_report  # noqa: E402
from training.evaluation.report.page import CAPTIONS, write_page  # noqa: E402
from training.evaluation.samples import Sample, opened, real_samples  # noqa: E402
from training.evaluation.statistics import near_enough, statistics  # noqa: E402


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def noise(seed: int, bars: int = 8) -> Song:
    rng = np.random.default_rng(seed)
    notes = {(int(t), int(p)) for t, p in zip(rng.integers(0, bars * 96, 150), rng.integers(30, 90, 150), strict=True)}
    return Song((Track(0, False, tuple(Note(t, p, 6, 60) for t, p in sorted(notes))),), end=bars * 96)


def riffs(first: int, count: int) -> list[EventSequence]:
    return [encode(riff(seed)) for seed in range(first, first + count)]


def names(count: int, prefix: str = "work") -> list[str]:
    return [f"{prefix} {number}" for number in range(count)]


def median_ratio(rows: list[dict[str, Any]]) -> float:
    return float(np.median([row["ratio"] for row in rows if row["ratio"] is not None]))


def corpus(folder: Path, genres: tuple[str, ...] = ("heavy-metal",), valid: int = 6, train: int = 8) -> Path:
    folder.mkdir(parents=True)
    rows = ["path,genre,split,work,title,licence"]
    for genre in genres:
        for number in range(valid + train):
            name = f"{genre}-{number}.mid"
            # The second genre plays noise, so that an ear can tell it from the first.
            write_midi(riff(number) if genre == genres[0] else noise(number), folder / name)
            rows.append(f"{name},{genre},{'valid' if number < valid else 'train'},{name},a title,CC0-1.0")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_distances_are_what_they_are_by_hand() -> None:
    assert wasserstein(np.array([0.0, 1.0]), np.array([2.0, 3.0, np.nan])) == pytest.approx(2)
    one, other = np.array([[2.0, 0.0], [0.0, 0.0]]), np.array([[0.0, 5.0]])
    assert jensen_shannon(one, other) == pytest.approx(1)
    assert jensen_shannon(one, one) == 0
    assert np.isnan(jensen_shannon(np.zeros((2, 2)), one))


def test_real_pieces_of_the_same_kind_are_as_far_as_two_halves() -> None:
    rows = statistics(measure(riffs(0, 16)), names(16), measure(riffs(100, 16)), seed=1)
    assert median_ratio(rows) == pytest.approx(1, abs=0.35)


def test_copies_are_no_farther_than_two_halves() -> None:
    rows = statistics(measure(riffs(0, 12)), names(12), measure(riffs(0, 12)), seed=1)
    near = near_enough(rows)
    assert median_ratio(rows) <= 1
    assert near["near_enough"] == near["statistics"]


def test_noise_is_farther_than_two_halves_of_real_pieces() -> None:
    far = statistics(measure(riffs(0, 12)), names(12), measure([encode(noise(s)) for s in range(12)]), seed=1)
    near = near_enough(far)
    assert near["near_enough"] < 0.3 * near["statistics"]
    ratio = {row["name"]: row["ratio"] for row in far}
    assert ratio["mean_pitch"] > 2
    assert ratio["similarity_1_8"] > 5


def test_a_difference_where_real_halves_have_none_is_a_miss() -> None:
    rows = [{"songs": 0.1, "halves": 0.0}, {"songs": 0.0, "halves": 0.0}, {"songs": float("nan"), "halves": 1.0}]
    assert near_enough(rows) == {"statistics": 2, "near_enough": 1}


def test_no_song_need_be_drawn_twice_beside_many_works() -> None:
    assert enough_songs(161) == 80
    assert enough_songs(13) == FEWEST_SONGS


def test_halves_are_split_by_work_and_repeat_by_seed() -> None:
    # Two works, ten excerpts each, all alike within a work: a split by excerpt would see no distance.
    real = np.repeat([0.0, 1.0], 10)
    works = ["a"] * 10 + ["b"] * 10
    found = compare(real, works, real, wasserstein, seed=3)
    assert found.halves == 1
    assert found.works == 2
    assert found == compare(real, works, real, wasserstein, seed=3)


def test_intervals_hold_nine_of_ten_and_count_works_not_excerpts() -> None:
    assert interval(np.arange(101, dtype=np.float64)) == (5, 95)
    mean, (low, high) = mean_with_interval(np.array([0.0, 0.0, 0.0, 1.0]), ["a", "a", "a", "b"], seed=0)
    assert mean == 0.5
    assert (low, high) == (0, 1)


def test_a_work_lies_in_one_fold() -> None:
    works = [f"w{n // 3}" for n in range(30)]
    fold = folds_by_work(works, np.arange(30) >= 15, 5, seed=1)
    assert all(len({int(fold[i]) for i in range(30) if works[i] == work}) == 1 for work in works)
    assert sorted(np.bincount(fold).tolist()) == [6] * 5


def test_opponents_cannot_tell_real_pieces_from_real_pieces() -> None:
    pieces = riffs(0, 36)
    ours = np.arange(36) % 2 == 1
    trees = cross_validate(names(36), ours, tree_classifier(measure(pieces).rows, ours, 1), seed=1)
    network = cross_validate(names(36), ours, network_classifier(pieces, ours, 1), seed=1, count=3)
    for verdict in (trees, network):
        assert verdict.accuracy == pytest.approx(0.5, abs=0.25)
        assert verdict.accuracy_interval[0] < verdict.accuracy < verdict.accuracy_interval[1]
    assert trees.excerpts == trees.works == 36


def test_opponents_tell_noise_from_real_pieces() -> None:
    pieces = [*riffs(0, 12), *(encode(noise(seed)) for seed in range(12))]
    ours = np.arange(24) >= 12
    trees = cross_validate(names(24), ours, tree_classifier(measure(pieces).rows, ours, 1), seed=1)
    network = cross_validate(names(24), ours, network_classifier(pieces, ours, 1), seed=1, count=3)
    assert trees.accuracy > 0.95
    assert network.accuracy > 0.9


def test_the_ear_hears_the_genre(tmp_path: Path) -> None:
    folder = corpus(tmp_path / "two", ("heavy-metal", "jazz"), valid=4, train=10)
    with opened(folder, "heavy-metal") as shards:
        real = [Sample(f"r{seed}", encode(riff(seed))) for seed in range(4)]
        wrong = [Sample(f"n{seed}", encode(noise(seed + 50))) for seed in range(4)]
        found = genre_report(shards, "heavy-metal", real, wrong, 8, seed=0)
        assert found is not None
        assert found["real"]["accuracy"] == 1
        assert found["songs"]["accuracy"] == 0
        assert genre_report(shards, "polka", real, wrong, 8, seed=0) is None
        held = [(shards[0], piece) for piece in shards[0].pieces if piece.split == "valid" and piece.genre == "jazz"]
        assert len(real_samples(held, 8)) == len(held)


def clashing(seed: int) -> EventSequence:
    """A riff whose bass plays a semitone above the guitar's root."""
    song = riff(seed)
    moved = tuple(
        replace(track, notes=tuple(replace(note, pitch=note.pitch + 1) for note in track.notes))
        if track.program == 33
        else track
        for track in song.tracks
    )
    return encode(replace(song, tracks=moved))


def test_harmony_alone_tells_a_wrong_bass_and_not_more_of_the_same() -> None:
    real = [Sample(name, events) for name, events in zip(names(14), riffs(0, 14), strict=True)]
    same = [Sample(name, events) for name, events in zip(names(14, "song"), riffs(50, 14), strict=True)]
    wrong = [Sample(f"song {seed}", clashing(seed)) for seed in range(50, 64)]
    told = harmony_report(real, wrong, same, seed=1)
    assert told["discriminator"]["accuracy"] > 0.9
    assert told["discriminator_training_pieces"]["accuracy"] < 0.8
    rows = {row["name"]: row for row in told["figures"]}
    assert set(rows) == set(SOURCES)
    assert rows["clash_share"]["songs"] > rows["clash_share"]["real"]
    assert rows["backbeat"]["songs_to_real"] == pytest.approx(1)
    assert rows["clash_share"]["distance_songs"] > rows["clash_share"]["distance_halves"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    folder = corpus(tmp_path_factory.mktemp("evaluation") / "riffs")
    return evaluate(EvaluationRequest(folder, "heavy-metal", songs=3, seed=5), tiny_checkpoint(), lambda _: None)


def test_every_figure_carries_its_size_seed_and_interval(found: Evaluation) -> None:
    report = found.report
    json.dumps(report, allow_nan=False)
    assert report["bars"] == 8
    assert report["real"]["works"] == 6
    for row in report["statistics"]:
        assert {"songs", "songs_interval", "halves", "halves_interval", "ratio", "works", "seed"} <= set(row)
    for name in ("trees", "network"):
        verdict = report["discriminators"][name]
        assert 0 <= verdict["accuracy_interval"][0] <= verdict["accuracy"] <= verdict["accuracy_interval"][1] <= 1
        assert verdict["works"] == 9
    for part in ("copy_rate", "nll"):
        assert {"works", "interval"} <= set(report[part]["real"])
    assert report["nll"]["real"]["nll"] == pytest.approx(sum(report["nll"]["real"]["fields"].values()), rel=1e-4)
    assert report["genre_control"] is None
    assert report["harmony"]["bars"] == 8
    assert [row["name"] for row in report["harmony"]["figures"]] == list(SOURCES)
    assert report["harmony"]["discriminator"]["works"] == 9


def test_asked_tempo_and_length_are_checked_on_the_midi_file(found: Evaluation) -> None:
    obeyed = found.report["obeyed"]
    assert obeyed["songs"] == 3
    assert obeyed["tempo"] == 1
    assert obeyed["length_within_a_bar"] == 1
    assert obeyed["parts_not_of_the_band"] == 0


def test_the_page_shows_every_plot(found: Evaluation, tmp_path: Path) -> None:
    page = write_page(found, tiny_checkpoint(), tmp_path / "page")
    text = page.read_text(encoding="utf-8")
    for name in CAPTIONS:
        assert f"{name}.png" in text
        assert (page.parent / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_has_every_statistic(found: Evaluation, capsys: pytest.CaptureFixture[str]) -> None:
    command.show(found.report)
    shown = capsys.readouterr().out
    assert all(row["name"] in shown for row in found.report["statistics"])
    assert "nats a note" in shown
    assert all(name in shown for name in SOURCES)
    assert "discriminator" in shown


def test_too_few_held_out_works_are_refused(tmp_path: Path) -> None:
    folder = corpus(tmp_path / "few", valid=2, train=2)
    with pytest.raises(EvaluationError, match="at least 4 held-out works of heavy-metal, not 2"):
        evaluate(EvaluationRequest(folder, "heavy-metal", songs=2), tiny_checkpoint(), lambda _: None)


def test_what_is_not_installed_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(command, "NEEDED", ("torch", "no_such_module"))
    with pytest.raises(CommandRefusedError, match=r"no_such_module: pip install 'riffbird\[train,evaluate\]'"):
        command.evaluate(tmp_path, "jazz")


def test_numbers_that_are_none_are_null() -> None:
    assert plain({"a": (float("nan"), 1.23456789), "b": [float("inf"), 3]}) == {"a": [None, 1.23457], "b": [None, 3]}


def tried(*excesses: tuple[float, float, float]) -> list[Trial]:
    return [Trial("jazz", temperature, bonus, 0.0, excess, 0.0, 0.0) for temperature, bonus, excess in excesses]


def test_a_genre_is_drawn_where_its_songs_are_nearest_to_real_ones() -> None:
    bowl = tried(*((t, 1.0, (t - 0.83) ** 2) for t in (0.7, 0.8, 0.9, 1.0)))
    assert best_of(bowl).temperature == pytest.approx(0.83, abs=0.01)
    lower = tried(*((t, 2.0, (t - 0.95) ** 2 - 0.1) for t in (0.7, 0.8, 0.9, 1.0)))
    best = best_of(bowl + lower)
    assert best.temperature == pytest.approx(0.95, abs=0.01)
    assert best.motif_bonus == 2


def test_one_lucky_cell_does_not_decide() -> None:
    lucky = tried((0.7, 1.0, 0.5), (0.8, 1.0, 0.05), (0.9, 1.0, 0.2), (1.0, 1.0, 0.1))
    assert best_of(lucky).temperature > 0.85


def test_structure_decides_where_statistics_are_alike() -> None:
    offs = ((1.0, 0.3), (2.0, 0.1))
    ways = [Trial("jazz", t, bonus, 0.0, 0.3, off, 0.0) for t in (0.8, 0.9, 1.0) for bonus, off in offs]
    assert best_of(ways).motif_bonus == 2


def test_harmony_decides_where_the_rest_is_alike() -> None:
    offs = ((-1.0, 0.3), (0.2, 0.1))
    ways = [Trial("jazz", t, 1.0, bias, 0.3, 0.1, off) for t in (0.8, 0.9, 1.0) for bias, off in offs]
    assert best_of(ways).new_bar_bias == 0.2


def test_excess_counts_only_what_is_beyond_the_real_halves() -> None:
    assert excess_of([{"ratio": 0.5}, {"ratio": 1.0}, {"ratio": None}]) == 0
    assert excess_of([{"ratio": math.e}, {"ratio": 1.0}]) == pytest.approx(0.5)
    assert excess_of([{"ratio": 1e9}]) == 3
