"""What every heartbeat process does beside heartbeats: rescue abandoned jobs, retry, expire songs, delete leftovers."""
