"""``riffbird benchmark``: piano-roll sets and speed."""
