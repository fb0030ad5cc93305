"""What people type and what they are answered: grammar, parser, values, messages."""
