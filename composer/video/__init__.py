"""From a song to pictures: the still image and the animated piano roll."""
