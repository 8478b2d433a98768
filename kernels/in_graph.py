"""`linear_bce` in torch.compile, one call of the graph: Dynamo refuses functions with a derivative in forward mode.

Apart from `autograd`, as importing it loads Dynamo, which takes as long as loading torch.
"""

import torch

from kernels import autograd

mean_loss = torch.compiler.allow_in_graph(autograd.mean_loss)
