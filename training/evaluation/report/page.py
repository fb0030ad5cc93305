"""The page of plots: every figure as a PNG and an ``index.html`` that shows them with what they say.

Knows files and words; the drawing is in ``plots``.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from composer.model.checkpoint import Checkpoint
from training.evaluation.errors import EvaluationError
from training.evaluation.evaluate import Evaluation
from training.evaluation.report import plots

CAPTIONS = {
    "ratios": "How far songs are from real pieces, in distances between two halves of the real pieces. Left of the "
    "line is near enough; the bars' whiskers hold nine splits of ten.",
    "scalars": "Each statistic's distribution over excerpts, real and ours over each other.",
    "histograms": "Mean histograms, real and ours over each other.",
    "self_similarity": "Likeness of every two bars of an excerpt (Jaccard): real above, ours below. Stripes beside the "
    "diagonal are riffs that come back.",
    "training_curve": "How the checkpoint was trained: conditions are told in training, only some on held-out pieces.",
    "embeddings": "The checkpoint's genre, part and pitch embeddings on their first two principal components.",
}


def write_page(found: Evaluation, checkpoint: Checkpoint, folder: Path) -> Path:
    """Draw everything into ``folder``; returns the page. Raises ``EvaluationError`` where it cannot be written."""
    drawings = {
        "ratios": plots.ratios(found.report),
        "scalars": plots.scalars(found.real_measured, found.songs_measured),
        "histograms": plots.histograms(found.report),
        "self_similarity": plots.self_similarities(found.real, found.songs),
        "training_curve": plots.training_curve(checkpoint),
        "embeddings": plots.embeddings(checkpoint),
    }
    page = folder / "index.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, figure in drawings.items():
            figure.savefig(folder / f"{name}.png", dpi=110)
        page.write_text(_html(found), encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{folder}: plots cannot be written here ({error.strerror or error})") from error
    return page


def _html(found: Evaluation) -> str:
    report = found.report
    title = escape(f"{report['genre']}: {report['checkpoint']} beside real pieces")
    facts = escape(
        f"{report['songs']['compared']} songs, {report['real']['excerpts']} excerpts of {report['real']['works']} "
        f"held-out works, {report['bars']} bars each, seed {report['seed']}, randomness {report['randomness']}"
    )
    shown = "".join(
        f'<figure><figcaption>{escape(text)}</figcaption><img src="{name}.png" alt="{name}"></figure>\n'
        for name, text in CAPTIONS.items()
    )
    style = "body{font:16px/1.5 sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}img{max-width:100%}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{style}</style>\n'
        f"<h1>{title}</h1><p>{facts}</p>\n{shown}</html>\n"
    )
