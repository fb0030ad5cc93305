"""The queue: payloads, submission, state, progress, composing in batches."""
