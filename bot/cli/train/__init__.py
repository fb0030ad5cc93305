"""``riffbird train``, here or in the queue."""
