"""The kernels on NumPy arrays, compiled by Numba for the CPU.

Files, names and arguments are those of `kernels.torch_cuda`, with arrays for tensors.
"""
