"""The `riffbird` command: the one place that puts the packages together and writes to the terminal."""
