"""What is there: stages, decisions, calls, and what of it needs attention."""
