"""Interface of the rules that change logits before a class is sampled, as in Hugging Face transformers."""

from __future__ import annotations

from composer.decoding.song_state import NoteEvent, SongState


class LogitsProcessor:
    """Changes the logits of the allowed classes of one field, and follows the notes of the song."""

    def apply(self, field: str, classes: list[int], logits: list[float], state: SongState) -> None:
        """Change ``logits`` in place; they are those of ``classes``, rising."""
        raise NotImplementedError

    def update(self, note: NoteEvent) -> None:
        """Count a generated note."""
