"""Songs, MIDI files in and out, the event representation, corpora and metrics. Imports no other package of ours."""

from midi_data.compiled import use_sources_if_changed

use_sources_if_changed()
