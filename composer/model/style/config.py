"""Widths of the style model and the shapes of its weights. No torch."""

from __future__ import annotations

from midi_data.analysis.attribute_histograms import HISTOGRAMS_WIDTH, TIME_SHIFT_BINS
from midi_data.analysis.histograms import FAMILIES
from midi_data.events.encoding import SAME_PROGRAM_LIMIT
from midi_data.song import TICKS_PER_QUARTER

STYLE_PREFIX = "style."
"""Beginning of the names of the weights in a checkpoint."""
SONG_WIDTH, PART_WIDTH = 16, 16
"""Numbers of the latent vectors of a song and of a part."""
PROGRAMS = 129
"""Drums and the General MIDI programs."""
PART_EMBEDDING, GENRE_EMBEDDING = 24, 48
HIDDEN, SONG_PRIOR_HIDDEN, PART_PRIOR_HIDDEN, SUMMARY = 192, 112, 224, 64
COMPONENTS = 4
"""Gaussians of the mixture that each number of a latent vector is drawn from."""
STATED = ("lowest", "highest", "softest", "loudest", "voices")
"""What is stated of each part beside its histograms."""
SONG_CONTEXT = GENRE_EMBEDDING + PART_EMBEDDING
"""Width of the song prior's context: genre and mean of the parts' embeddings."""
PART_CONTEXT = GENRE_EMBEDDING + 2 * PART_EMBEDDING + SONG_WIDTH + SUMMARY + PART_WIDTH + 1
"""Width of a part prior's context: the same, song vector, part, summary of the parts before it, the vector of the last
of them, and whether it is the first."""


def expected_style_shapes(genres: int) -> dict[str, tuple[int, ...]]:
    """Every weight's name and shape. ``genres``: rows of the genre table, that of an unknown genre included."""
    linear = {
        "parts_in": (HISTOGRAMS_WIDTH + len(STATED) + 1 + PART_EMBEDDING + GENRE_EMBEDDING, HIDDEN),
        "song_in": (HIDDEN + TIME_SHIFT_BINS + TICKS_PER_QUARTER + 1 + GENRE_EMBEDDING, HIDDEN),
        "song_out": (HIDDEN, 2 * SONG_WIDTH),
        "part_in": (2 * HIDDEN, HIDDEN),
        "part_out": (HIDDEN, 2 * PART_WIDTH),
        "decode_in": (SONG_WIDTH + PART_WIDTH + PART_EMBEDDING + GENRE_EMBEDDING, HIDDEN),
        "decode_inner": (HIDDEN, HIDDEN),
        "shares_out": (HIDDEN, HISTOGRAMS_WIDTH),
        "ranges_out": (HIDDEN, len(STATED)),
        "band_in": (HIDDEN + SONG_WIDTH + GENRE_EMBEDDING, HIDDEN),
        "band_out": (HIDDEN, TIME_SHIFT_BINS + TICKS_PER_QUARTER),
    }
    for prior, width, context, hidden in (
        ("song_prior", SONG_WIDTH, SONG_CONTEXT, SONG_PRIOR_HIDDEN),
        ("part_prior", PART_WIDTH, PART_CONTEXT, PART_PRIOR_HIDDEN),
    ):
        linear[f"{prior}_in"] = (width + context, hidden)
        linear[f"{prior}_out"] = (hidden, 3 * COMPONENTS * width)
    linear["summary"] = (PART_WIDTH + PART_EMBEDDING, SUMMARY)
    shapes: dict[str, tuple[int, ...]] = {
        "genre.weight": (genres, GENRE_EMBEDDING),
        "family.weight": (FAMILIES, PART_EMBEDDING),
        "program.weight": (PROGRAMS, PART_EMBEDDING),
        "occurrence.weight": (SAME_PROGRAM_LIMIT, PART_EMBEDDING),
        "genre_pieces": (genres,),
        "program_pieces": (PROGRAMS,),
    }
    for name, (inputs, outputs) in linear.items():
        shapes |= {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}
    return shapes
