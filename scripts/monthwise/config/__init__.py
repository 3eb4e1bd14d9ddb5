"""Config: its layers, its checks, and what it means for a month."""
