"""The network: configuration, torch module, numpy engine, checkpoint file."""
