"""The evaluation as plots and an HTML page."""
