"""The kernels as torch.compile'd bodies: by Inductor Triton kernels on CUDA tensors, C++ on CPU tensors.

Files, names and arguments are those of `kernels.numba_cpu`, with tensors for arrays.
"""
