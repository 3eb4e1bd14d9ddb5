"""The name under which model files hold the baseline: files that were written before must load."""

from .models.baseline import GroupMean

__all__ = ["GroupMean"]
