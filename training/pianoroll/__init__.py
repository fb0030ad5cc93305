"""The classic piano-roll benchmarks: exact joint nats a frame (docs/benchmarks.md)."""
