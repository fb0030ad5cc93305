"""What music is: songs, MIDI in and out, the event representation, corpora, metrics.

Knows no networks, neural or social.
"""

from midi_data.compiled import use_sources_if_changed

use_sources_if_changed()
