"""Queues, jobs, worker processes and the embedded server. Knows no networks and no HTTP."""
