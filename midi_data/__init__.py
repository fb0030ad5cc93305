"""What music is: songs, MIDI in and out, the event representation, corpora, metrics.

Knows no networks, neural or social.
"""
