"""What outlives a job: songs, media files, notes as JSON, counters."""
