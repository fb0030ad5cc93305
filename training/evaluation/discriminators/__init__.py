"""Classifiers that try to tell songs from real pieces."""
