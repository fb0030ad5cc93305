"""Requests and songs that the command line reads from its options and files."""
