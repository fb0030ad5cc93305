"""Additive logit biases: chords, attribute histograms, note counts, repetition."""
