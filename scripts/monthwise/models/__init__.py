"""Recipes, model files, the naive baseline and error measures."""
