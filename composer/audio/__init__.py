"""From a song to sound: sampler, mix, mastering, encoders."""
