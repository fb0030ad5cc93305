"""Pieces of a prepared corpus with the shard that holds their notes."""

from __future__ import annotations

from midi_data.corpus.dataset import Piece, Shard

CorpusPiece = tuple[Shard, Piece]
CorpusPieces = list[CorpusPiece]
