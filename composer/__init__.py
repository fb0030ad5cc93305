"""From a request to a finished song: network, sampling, constraints, rendering.

Knows neither Redis nor tweets nor accounts.
"""

import midi_data  # noqa: F401  it says whether compiled modules of this package may be used
