"""Kernels of our own for a card, written in Triton."""
