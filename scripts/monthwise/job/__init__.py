"""What a program runs in: its command line, provenance, warm start, files that are still in a bucket."""
