"""State of a directory, read from its files: stages, decisions, calls, and what needs attention."""
