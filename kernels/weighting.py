"""The weight of the positive class, as labels and weights of samples.

With a weight v, a label y and the weight g of the positive class a sample's loss is

    v (g y softplus(-z) + (1 - y) softplus(z)),

as torch.nn.BCEWithLogitsLoss has it: that of the label g y / (1 - y + g y) with the weight v (1 - y + g y). So kernels
know of weights of samples alone.
"""

import numpy as np


def weigh_positive(y, weight, pos_weight):
    """Labels and weights (n,), float64, that stand for labels `y`, weights or None, and that of the positive class.

    The weight by which a mean is divided is not among them: it is that of the samples as they were.
    """
    y = y.astype(np.float64) if isinstance(y, np.ndarray) else y.double()
    positive = pos_weight * y
    grown = 1.0 - y + positive
    labels = positive / (grown + (grown == 0))  # a sample that counts for nothing has label 0
    return labels, grown if weight is None else weight * grown
