"""Check evidence against the files: by hash, and by rerunning jobs and comparing their output."""
