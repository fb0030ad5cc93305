"""How a checkpoint is judged: real held-out pieces beside its own songs, with every figure's size and interval."""
