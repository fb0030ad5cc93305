"""Songs, MIDI files in and out, the event representation, corpora and metrics. Imports no other package of ours."""
