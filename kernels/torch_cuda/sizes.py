"""Sizes that graphs and kernels of Triton share."""

MULTIPLE = 8  # sizes that vary are padded to two or more of it, as torch.compile takes sizes 0 and 1 for constants
FACTORS = MULTIPLE  # 1 + e^-m of a product: so many are far from overflow, and samples are padded to whole products
