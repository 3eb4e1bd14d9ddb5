"""The environment of a program: its command line, provenance, warm start, and files that are still in a bucket."""
