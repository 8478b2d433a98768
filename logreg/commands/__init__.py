"""The commands of `python -m logreg`, which alone draw."""
