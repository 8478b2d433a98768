"""The kernels as torch.compile'd bodies: by Inductor Triton kernels on CUDA tensors, C++ on CPU tensors.

On CUDA tensors the loss and gradient of all the data take a Triton kernel of our own, `one_pass`.

Files, names and arguments are those of `kernels.numba_cpu`, with tensors for arrays.
"""
