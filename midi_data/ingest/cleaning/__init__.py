"""Repairs of one outside file: beat alignment, downbeat, tracks without programs."""
