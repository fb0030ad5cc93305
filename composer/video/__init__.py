"""Pictures: the still image and the animated piano roll."""
