"""Exact arithmetic: fixed-point grids, table activations, 8-bit matrix products."""
