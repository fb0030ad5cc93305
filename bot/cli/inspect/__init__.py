"""``riffbird inspect``."""
