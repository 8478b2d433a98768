"""What a run does whose step leaves the range of the dtype."""


def raise_if_diverged(failed, steps, dtype, lr):
    """Raises FloatingPointError if a step, by its number from 1 on, has failed; 0: none."""
    if failed:
        name = str(dtype).removeprefix("torch.")
        raise FloatingPointError(
            f"sgd_run_: step {failed} of {steps} leaves the range of {name} (lr = {lr}); "
            "w and b hold the last finite parameters"
        )
