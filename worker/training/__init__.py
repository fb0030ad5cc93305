"""Trainings as jobs of the queue."""
