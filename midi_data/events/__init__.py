"""Songs as event sequences, and the features a network reads at each step."""
