"""What all tasks of a call take, made once by each process that runs some of them."""

from collections.abc import Callable
from threading import RLock
from typing import Any, NamedTuple

MAKING = RLock()  # by one thread, while the others wait for it
MADE: dict[str, Any] = {}  # by token, the last one alone: it may be large


class Once(NamedTuple):
    """What a callable returns, which is called once in a process for all of one token, and kept there until another
    is."""

    make: Callable[[], Any]
    token: str

    def __call__(self) -> Any:
        with MAKING:
            if self.token not in MADE:
                MADE.clear()
                MADE[self.token] = self.make()
            return MADE[self.token]

    def forget(self) -> None:
        """Lets go of it in this process."""
        MADE.pop(self.token, None)
