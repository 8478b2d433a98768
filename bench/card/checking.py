"""Whether a result is right, elementwise, by the float64 one beside it."""

import torch


def held(got, wanted, relative, absolute=0.0):
    """What was found of the errors of `got`, tensors or arrays, allowed relative * |wanted| + absolute: the largest,
    over the one allowed. Raises AssertionError that says where it is more than 1, or not a number."""
    got, wanted = (torch.as_tensor(values).detach().double().cpu() for values in (got, wanted))
    assert got.shape == wanted.shape, f"shape {tuple(got.shape)}, wanted {tuple(wanted.shape)}"
    if not got.numel():
        return {"error_over_allowed": 0.0}
    ratio = (got - wanted).abs() / (relative * wanted.abs() + absolute)
    ratio = torch.where(got == wanted, 0.0, ratio)
    worst = int(ratio.nan_to_num(nan=torch.inf).argmax())
    largest = float(ratio.flatten()[worst])
    if not largest <= 1:
        where = tuple(int(i) for i in torch.unravel_index(torch.tensor(worst), ratio.shape))
        values = f"{float(got.flatten()[worst])!r}, wanted {float(wanted.flatten()[worst])!r}"
        many = int((~(ratio <= 1)).sum())
        raise AssertionError(
            f"{values} at {where}: {largest:.3g} times the error allowed; {many} of {ratio.numel()} are wrong"
        )
    return {"error_over_allowed": largest}


def all_held(pairs, relative, absolute=0.0):
    """The same of several pairs of results."""
    return max((held(*pair, relative, absolute) for pair in pairs), key=lambda found: found["error_over_allowed"])
