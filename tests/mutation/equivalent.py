"""Mutants that no test can see, and why: {path: {"line before => line after": reason}}."""

REASONS: dict[str, dict[str, str]] = {}
