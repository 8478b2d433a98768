"""Bodies that torch.compile makes kernels of."""
