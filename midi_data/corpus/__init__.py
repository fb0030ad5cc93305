"""Corpora: fetching, reading archives, preparing, opening, describing."""
