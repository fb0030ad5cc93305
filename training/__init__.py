"""How a checkpoint is made and judged. Knows neither bot nor worker."""
