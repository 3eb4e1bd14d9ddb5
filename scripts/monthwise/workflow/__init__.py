"""Stages, their files and months, and the settings of each job."""
