"""The evaluation as a folder: each plot as a PNG, and ``index.html`` with the plots and their captions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from composer.model.checkpoint import Checkpoint
from training.evaluation.errors import EvaluationError
from training.evaluation.evaluate import Evaluation
from training.evaluation.report import plots
from training.tracking.html_report import html_page, html_table, linked_picture, paragraph

CAPTIONS = {
    "ratios": "Distance of songs to real pieces, divided by the distance between two halves of the real pieces. Ratios "
    "left of the line count as near enough; error bars cover 90 % of the splits.",
    "harmony": "Harmony and ensemble figures of excerpts of 8 bars, means over works with intervals.",
    "scalars": "Distribution of each statistic over excerpts, real pieces and songs.",
    "histograms": "Mean histograms, real pieces and songs.",
    "self_similarity": "Similarity of every two bars of an excerpt (Jaccard): real pieces above, songs below. Stripes "
    "parallel to the diagonal are repeated riffs.",
    "training_curve": "Training and validation nll of the checkpoint. Validation conditions on fewer attributes.",
    "embeddings": "Genre, part and pitch embeddings of the checkpoint on their first two principal components.",
    "style_map": "Song vectors of the style model on their first two principal components: held-out pieces by genre, "
    "encoded from their notes alone, and the songs of this evaluation.",
}


def write_page(found: Evaluation, checkpoint: Checkpoint, folder: Path) -> Path:
    """Write plots and page into ``folder``; returns the page. Raises ``EvaluationError`` if it is not writable."""
    drawings = {
        "ratios": plots.ratios(found.report),
        "harmony": plots.harmony(found.report),
        "scalars": plots.scalars(found.real_measured, found.songs_measured),
        "histograms": plots.histograms(found.report),
        "self_similarity": plots.self_similarities(found.real, found.songs),
        "training_curve": plots.training_curve(checkpoint),
        "embeddings": plots.embeddings(checkpoint),
        "style_map": plots.style_map(found.style_map, found.report["genre"]),
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
    facts = (
        f"{report['songs']['compared']} songs, {report['real']['excerpts']} excerpts of {report['real']['works']} "
        f"held-out works, {report['bars']} bars each, seed {report['seed']}, randomness {report['randomness']}"
    )
    pictures = [linked_picture(name, caption) for name, caption in CAPTIONS.items()]
    sections = [paragraph(facts), *pictures, _harmony_table(report["harmony"])]
    return html_page(f"{report['genre']}: {report['checkpoint']} beside real pieces", sections)


def _harmony_table(report: dict[str, Any]) -> str:
    rows = [(row["name"], row["real"], row["songs"], row["songs_to_real"], row["source"]) for row in report["figures"]]
    return html_table(
        "Harmony and ensemble", ("figure", "real", "songs", "songs / real", "definition and source"), rows
    )
