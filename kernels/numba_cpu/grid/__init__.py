"""Surfaces: one file for each kernel."""
