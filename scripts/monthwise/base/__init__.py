"""What every other room uses: exits, files, months, the lock of a results folder."""
