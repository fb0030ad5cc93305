"""From logits to notes: the decoding loop, constraints, logits processors, sampling."""
