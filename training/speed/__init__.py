"""How fast everything is: composing, sound, picture, a process from cold; beside two networks used as is usual."""
