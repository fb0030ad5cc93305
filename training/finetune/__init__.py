"""Teaching a finished checkpoint one more genre."""
