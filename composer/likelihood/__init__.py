"""Likelihood of given songs under a checkpoint."""
