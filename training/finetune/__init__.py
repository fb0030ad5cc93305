"""Fine-tuning: adding a genre to a finished checkpoint."""
