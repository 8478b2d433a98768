"""Logistic-regression loss surfaces and training, compiled.

NumPy arrays or torch tensors in, the same kind out. `backend=None` runs the Numba kernels, for CUDA tensors those of
torch.compile; `"reference"` runs the eager PyTorch form of the same function (`kernels.reference`), and needs nothing
compiled. Importing this package imports neither torch nor Numba.
"""

from collections.abc import Iterable

from kernels.ensemble import sgd_ensemble
from kernels.kinds import Progress
from kernels.linear import linear_bce
from kernels.planes import logit_plane
from kernels.quantities import Surface
from kernels.results import Ensemble, LogitPlane, LossGrad, Plan, Run
from kernels.surface import loss_surface, plan_surface, surface_on_plane
from kernels.update import bce_loss_grad, sgd_run_, sgd_step_

__version__ = "0.1.0"

__all__ = [
    "Ensemble",
    "LogitPlane",
    "LossGrad",
    "Plan",
    "Run",
    "Surface",
    "bce_loss_grad",
    "linear_bce",
    "logit_plane",
    "loss_surface",
    "plan_surface",
    "sgd_ensemble",
    "sgd_run_",
    "sgd_step_",
    "surface_on_plane",
    "warmup",
]


def warmup(*, only: str | Iterable[str] | None = None, progress: Progress = None) -> None:
    """Compiles the CPU kernels for float32 and float64, or loads them from the cache on disk, ahead of their first use.

    All but those of runs with weights of float32 data or a frozen parameter, and of ensembles with weights.

    Parameters
    ----------
    only : str or iterable of str, optional
        A name of what is to be used, or several; None for all. "surface": `loss_surface`; "plane": `surface_on_plane`,
        and `loss_surface`; "gradient": `bce_loss_grad`, `sgd_step_`, `linear_bce`; "update": `sgd_run_`, and these;
        "ensemble": `sgd_ensemble`.
    progress : bool or callable, optional
        True for a tqdm bar, or a callable (done, total).

    Raises
    ------
    ValueError
        Another name.
    TypeError
        Another progress.

    Examples
    --------
    >>> import kernels
    >>> kernels.warmup(only="surface")
    """
    from kernels import numba_cpu

    with numba_cpu.IMPORTING:
        from kernels.numba_cpu import warmup

    warmup.compile_groups(only, progress)
