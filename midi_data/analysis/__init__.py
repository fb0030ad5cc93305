"""What can be measured on a song: metrics, key, repetition, activity, attribute histograms."""
