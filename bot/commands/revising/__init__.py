"""Requests that are made from an earlier song: the words of a reply, the parts they name, and what is different."""
