"""The classic piano-roll benchmarks: exact joint nats a frame, by the house's kind of network (docs/benchmarks.md)."""
