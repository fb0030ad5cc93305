"""From a request to a finished song: network, sampling, constraints, rendering.

Knows neither Redis nor tweets nor accounts.
"""
