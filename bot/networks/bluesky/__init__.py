"""Bluesky through atproto."""
