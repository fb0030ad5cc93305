"""Reading untrusted files in child processes under resource limits."""
