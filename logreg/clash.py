"""Other packages that are called as ours are.

pip overwrites `kernels/__init__.py` of one distribution by that of another, and deletes it with whichever is
uninstalled first: what is left of ours then imports as an empty namespace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def require_ours(package: ModuleType, name: str) -> None:
    """ImportError unless the imported `package` has what only that of logreg-kernels has, called `name`."""
    if not hasattr(package, name):
        at = package.__file__ or package.__path__[0]
        raise ImportError(
            f"{package.__name__} ({at}) isn't that of logreg-kernels: another package has overwritten it or comes "
            "first; install logreg-kernels into an environment of its own"
        )
