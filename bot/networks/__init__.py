"""The social networks, a folder each: reading mentions, posting replies, checking keys."""
