"""Vectors as Numba values: kernels read like scalar mathematics and compile to full-width SIMD.

All raw LLVM IR of the project is in this folder. Importing any of it gives vectors their operators.
"""

from kernels.numba_cpu.vector import operators as operators
