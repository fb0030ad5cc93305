"""Interface of the rules that change logits before a class is sampled, as in Hugging Face transformers."""

from __future__ import annotations

from composer.decoding.song_state import NoteEvent, SongState
from midi_data.events.encoding import FIELDS


class LogitsProcessor:
    """Changes the logits of the allowed classes of some fields, and follows the notes of the song."""

    fields: tuple[str, ...] = FIELDS
    """The fields whose logits it may change."""

    def apply(self, classes: list[int], logits: list[float], state: SongState) -> None:
        """Change ``logits`` in place; they are those of ``classes``, rising."""
        raise NotImplementedError

    def update(self, note: NoteEvent) -> None:
        """Count a generated note."""
