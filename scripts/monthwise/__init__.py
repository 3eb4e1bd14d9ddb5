"""What Monthwise's programs and commands share: one subject a module."""
