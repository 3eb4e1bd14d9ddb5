"""Evidence against files: hashes, and jobs that are run again to compare."""
