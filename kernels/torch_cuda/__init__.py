"""The kernels as torch.compile'd bodies: by Inductor Triton kernels on CUDA tensors, C++ on CPU tensors.

On CUDA tensors loss and gradient, the loss of surfaces and their interpolation, runs of small batches and ensembles
take Triton kernels of our own (`one_pass`, `triton_*`).

Files, names and arguments are those of `kernels.numba_cpu`, with tensors for arrays.
"""
