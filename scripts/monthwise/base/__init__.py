"""Shared basics of all packages: exits, files, months, the lock of a results folder."""
