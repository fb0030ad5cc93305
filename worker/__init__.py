"""What runs when: queues, jobs, worker processes, the embedded server. Knows no people and no platforms."""
