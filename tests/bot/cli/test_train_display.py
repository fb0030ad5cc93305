"""A training in a terminal: its curve in blocks, a warning when songs recite."""

from pathlib import Path

import pytest

from bot.cli.train.display import Display, sparkline


def test_a_curve_is_drawn_from_its_lowest_to_its_highest_value() -> None:
    assert sparkline([4.0, 3.0, 2.0]) == "█▄▁"
    assert sparkline([3.0]) == "▁"
    assert len(sparkline([float(n) for n in range(100)])) == 40


def test_each_validation_is_a_line_with_what_is_watched_and_reciting_is_warned_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("torch", reason="training needs the train extra")
    from training.finetune.finetune import FineTuningReport
    from training.finetune.memorization import NearestPiece
    from training.finetune.sample_callback import Samples

    show = Display(None)
    for update, rate in ((1, 0.01), (2, 0.01), (2, 0.01), (3, 0.2)):
        samples = Samples(rate, 0.05, Path("a.mid"), Path("a.png"), NearestPiece("riff-3.mid", 8, 40))
        valid = {"ska": {"nll": 3.5 - update / 4}}
        show(FineTuningReport(update, 9, 3.0, 5000.0, 60.0, valid, 3.0, update, old_change=0.004, samples=samples))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["update 1/9", "update 2/9", "update 3/9", "warning"]
    assert "valid ska 2.750, copied 20.0% (held-out pieces 5.0%), old genres +0.40%" in lines[2]
    assert lines[2].endswith("█▄▁")
    assert "riff-3.mid" in lines[3]
