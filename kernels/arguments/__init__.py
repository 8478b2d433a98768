"""Arguments of the public functions: what is accepted, and errors that say so.

Each argument is checked here, once; what is below takes arrays that are right.
"""
