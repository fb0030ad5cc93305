"""Trains the style model (``composer.model.style``) on the histograms of a prepared corpus's pieces."""
