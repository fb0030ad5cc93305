"""Training of the expression network."""
