"""Speed of composing, sound, video and a cold process, compared with two networks in plain torch."""
