"""Untrusted MIDI files: read in child processes, cleaned and compared; every loss has a reason."""
