"""Plans from a person's file: one to go on from, one to imitate, one to replace parts of."""
