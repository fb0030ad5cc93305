"""What a worker tells of itself: heartbeat, health, logs, use of the machine."""
