"""Evaluation of a checkpoint: its songs compared with real held-out pieces."""
