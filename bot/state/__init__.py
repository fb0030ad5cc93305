"""What a bot keeps: owed replies, cursors, counters, and which errors of Redis mean that it is away."""
