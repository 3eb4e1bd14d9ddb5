"""Recipes, model files, the baseline and what predictions are measured by."""
