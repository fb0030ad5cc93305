"""Strange MIDI from outside: read in processes that may die, cleaned, compared, and every loss told with its reason."""
