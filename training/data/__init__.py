"""Training data: examples, batches, splits, replayed songs."""
