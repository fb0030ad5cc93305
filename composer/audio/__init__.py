"""Audio: sampler, mixing, mastering and file encoders."""
