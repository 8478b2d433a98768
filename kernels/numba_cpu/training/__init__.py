"""Passes over all samples, runs and ensembles."""
