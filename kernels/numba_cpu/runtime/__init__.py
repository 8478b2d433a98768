"""What kernels need around them: a cache on disk, threads, cutting work into launches, memory."""
