"""What people say and what they get back. Does not know how music is made."""
