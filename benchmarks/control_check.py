"""Whether songs are what was asked for: blends, keys, bands, primers, lengths.

    python benchmarks/control_check.py CORPUS [--songs 16] [--seed 0] [--checkpoint FILE]

CORPUS is a prepared corpus: an independent classifier is taught on its training pieces (blends), and its held-out
pieces are gone on from (primers). Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from composer.decoding.generate import Composer
from composer.model.checkpoint import load_checkpoint
from composer.planning.plan import plan_song
from composer.planning.requested import band_of
from composer.request import ComposeRequest, KeyRequest, PartRequest
from midi_data.analysis.excerpts import excerpt, spread_excerpts
from midi_data.analysis.key_estimation import estimate_song_key
from midi_data.corpus.dataset import Shard, all_pieces, open_shards
from midi_data.events.encoding import decode, encode
from midi_data.keys import Key
from midi_data.song import Song
from training.evaluation.control import bar_seconds, training_excerpts
from training.evaluation.discriminators.features import measure
from training.evaluation.discriminators.trees import boosted

SHARES = (1.0, 0.7, 0.5, 0.3, 0.0)
BLENDS = (("heavy-metal", "jazz"), ("folk", "rock"), ("classical", "pop"))
BANDS = (
    ("heavy-metal", ((0, True), (33, False), (30, False))),
    ("rock", ((0, True), (33, False), (29, False), (18, False))),
    ("jazz", ((0, True), (32, False), (0, False), (56, False))),
    ("folk", ((25, False), (40, False))),
    ("classical", ((40, False), (40, False), (41, False), (42, False))),
)
BARS = 16
PRIMER_BARS = 8


def composed(composer: Composer, requests: list[ComposeRequest], primers: list[Song] | None = None) -> list[Song]:
    """The songs of ``requests``."""
    both = zip(requests, primers or [None] * len(requests), strict=True)
    return composer.compose([plan_song(request, composer.checkpoint, primer) for request, primer in both])


def blends(composer: Composer, shards: list[Shard], songs: int, seed: int) -> list[dict[str, Any]]:
    """Share that the classifier gives to the first of two genres, at each weight of it."""
    taught = training_excerpts(shards, BARS, seed)
    labels = [name for name, excerpts in taught.items() for _ in excerpts]
    model = boosted(seed).fit(measure([each for own in taught.values() for each in own]).rows, labels)
    column = list(model.classes_).index
    rows = []
    for one, other in BLENDS:
        shares = []
        for share in SHARES:
            weights = {name: weight for name, weight in ((one, share), (other, 1 - share)) if weight}
            made = composed(composer, [ComposeRequest(genres=weights, seed=seed + n) for n in range(songs)])
            events = [part for song in made for part in spread_excerpts(encode(song), BARS, 1)]
            sure = model.predict_proba(measure(events).rows)
            first, second = sure[:, column(one)].mean(), sure[:, column(other)].mean()
            shares.append(round(float(first / (first + second)), 3))
        falls = all(higher >= lower for higher, lower in pairwise(shares))
        rows.append({"genres": [one, other], "shares": SHARES, "shares_of_the_first": shares, "falls": falls})
    return rows


def keys(composer: Composer, songs: int, seed: int) -> dict[str, Any]:
    """Shares of songs heard in the asked key, and in the key or its relative."""
    asked = [Key(tonic, mode) for mode in ("major", "minor") for tonic in range(12)]
    rows = []
    for genre in ("rock", "folk", "classical", "pop"):
        requests = [
            ComposeRequest(genres={genre: 1.0}, seed=seed + n, key=KeyRequest(tonic=key.tonic, mode=key.mode))
            for n, key in enumerate(asked * max(1, songs // 24))
        ]
        heard = [estimate_song_key(encode(song)) for song in composed(composer, requests)]
        wanted = asked * max(1, songs // 24)
        exact = np.mean([mine == key for mine, key in zip(heard, wanted, strict=True)])
        near = np.mean([mine in (key, relative(key)) for mine, key in zip(heard, wanted, strict=True)])
        rows.append({"genre": genre, "songs": len(wanted), "exact": float(exact), "exact_or_relative": float(near)})
    return {"chance_exact": 1 / 24, "genres": rows}


def relative(key: Key) -> Key:
    """The key of the other mode with the same notes."""
    return Key((key.tonic + 9) % 12, "minor") if key.mode == "major" else Key((key.tonic + 3) % 12, "major")


def bands(composer: Composer, songs: int, seed: int) -> list[dict[str, Any]]:
    """How many of the asked parts play, and whether any other does."""
    rows = []
    for genre, wanted in BANDS:
        parts = tuple(PartRequest(program=program, is_drum=drum) for program, drum in wanted)
        made = composed(
            composer, [ComposeRequest(genres={genre: 1.0}, seed=seed + n, band=parts) for n in range(songs)]
        )
        asked = set(band_of(parts))
        playing = [set(encode(song).band) for song in made]
        rows.append(
            {
                "genre": genre,
                "asked_parts": len(asked),
                "playing": float(np.mean([len(own & asked) / len(asked) for own in playing])),
                "others": sum(len(own - asked) for own in playing),
            }
        )
    return rows


def primers(composer: Composer, shards: list[Shard], songs: int, seed: int) -> dict[str, Any]:
    """How like the rest of a song is to its own primer, beside how like it is to the others' primers."""
    held = [(s, p) for s, p in all_pieces(shards, "valid") if p.genre in ("rock", "folk", "pop", "heavy-metal")]
    rng = np.random.default_rng(seed)
    chosen = [held[i] for i in rng.permutation(len(held))[: 3 * songs]]
    starts = [(p.genre, excerpt(s.events(p), 0, PRIMER_BARS)) for s, p in chosen]
    starts = [(genre, events) for genre, events in starts if len(events)][:songs]
    requests = [ComposeRequest(genres={genre: 1.0}, seed=seed + n) for n, (genre, _) in enumerate(starts)]
    made = composed(composer, requests, [decode(events) for _, events in starts])
    begun = [notes_of(events, 0) for _, events in starts]
    rests = [notes_of(encode(song), PRIMER_BARS * song.meters[0].bar_ticks) for song in made]
    similarity = np.array([[jaccard(rest, own) for own in begun] for rest in rests])
    own, others = np.diag(similarity), similarity[~np.eye(len(made), dtype=bool)]
    return {
        "songs": len(made),
        "similarity_to_own_primer": float(own.mean()),
        "similarity_to_other_primers": float(others.mean()),
        "own_primer_likest": float((similarity.argmax(axis=1) == np.arange(len(made))).mean()),
    }


def notes_of(events: Any, first: int) -> set[tuple[int, int]]:
    """(part, pitch) of the notes from tick ``first`` on."""
    return {(int(p), int(y)) for t, p, y in zip(events.onset, events.part, events.pitch, strict=True) if t >= first}


def jaccard(one: set[Any], other: set[Any]) -> float:
    """Share of what either has that both have."""
    return len(one & other) / max(len(one | other), 1)


def lengths(composer: Composer, songs: int, seed: int) -> dict[str, Any]:
    """Share of songs whose length is within one bar of the asked seconds."""
    rng = np.random.default_rng(seed)
    genres = sorted(set(composer.checkpoint.header.genres) - {"drum-grooves"})
    requests = [
        ComposeRequest(
            genres={genres[n % len(genres)]: 1.0},
            seed=seed + n,
            length_seconds=float(rng.uniform(10, 60)),
            tempo_bpm=float(rng.uniform(40, 300)),
        )
        for n in range(songs)
    ]
    made = composed(composer, requests)
    near = [
        abs(song.duration_seconds - request.length_seconds) <= bar_seconds(song)
        for song, request in zip(made, requests, strict=True)
    ]
    return {"songs": songs, "within_a_bar": float(np.mean(near))}


def main() -> None:
    """Parse the arguments and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--songs", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path)
    given = parser.parse_args()
    composer, shards = Composer(load_checkpoint(given.checkpoint)), open_shards(given.corpus)
    found = {
        "seed": given.seed,
        "songs": given.songs,
        "lengths": lengths(composer, 2 * given.songs, given.seed),
        "bands": bands(composer, given.songs, given.seed),
        "keys": keys(composer, max(24, given.songs), given.seed),
        "primers": primers(composer, shards, given.songs, given.seed),
        "blends": blends(composer, shards, given.songs, given.seed),
    }
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
