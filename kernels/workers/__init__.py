"""Work in tasks: run here or by the workers of an executor, in order, and kept in a file from which it goes on."""
