"""The queue: payloads, submission, lookup, progress, composing in batches."""
