"""The sampler: soundfonts, their samples, voices, and the synthesiser that plays them."""
