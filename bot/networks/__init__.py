"""One file a network: how people are heard there and how they are answered. Knows no music and no queue."""
