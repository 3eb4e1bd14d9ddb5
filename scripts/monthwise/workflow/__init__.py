"""Which stages, files and months there are, and what each job is given."""
