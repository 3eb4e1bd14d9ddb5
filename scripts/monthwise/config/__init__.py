"""Config: its layers, its checks, and the settings of a month."""
