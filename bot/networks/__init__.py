"""One file a network: how people are found_mentions there and how they are answered. Knows no music and no queue."""
