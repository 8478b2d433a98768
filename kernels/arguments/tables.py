"""Tables, by what pandas' DataFrames, Series and their kin have in common: nullable and Arrow's columns are none of
NumPy's."""

from typing import Any

import numpy as np


def is_table(value: object) -> bool:
    return hasattr(value, "isna") and hasattr(value, "to_numpy")


def table_array(name: str, value: Any, accepted: object) -> np.ndarray:
    """The values of numeric and boolean columns as float32, where all of them are, or float64.

    TypeError for a column of another dtype. ValueError for a missing value.
    """
    dtypes = list(value.dtypes) if value.ndim == 2 else [value.dtype]
    for k, dtype in enumerate(dtypes):
        if not is_number(dtype):
            column = f"column {value.columns[k]!r} of " if value.ndim == 2 else ""
            raise TypeError(f"{name} has {column}dtype {dtype}; accepted: {accepted}")
    single = {(dtype.kind, size_of(dtype)) for dtype in dtypes} == {("f", 4)}
    array = value.to_numpy(np.float32 if single else np.float64, na_value=np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(array.sum())
    if not finite:
        check_missing(name, value)
    return array


def is_number(dtype: Any) -> bool:
    return dtype.kind in "biu" or (dtype.kind == "f" and size_of(dtype) in (4, 8))


def size_of(dtype: Any) -> int:
    return getattr(dtype, "itemsize", 8)


def check_missing(name: str, value: Any) -> None:
    """ValueError that names the first missing value, if there is one."""
    missing = np.argwhere(np.asarray(value.isna()))
    if len(missing):
        place = missing[0].tolist()
        axes = zip(("row", "column"), ("index", "columns"), place, strict=False)
        labels = [f"{axis} {getattr(value, part)[k]}" for axis, part, k in axes if hasattr(value, part)]
        where = f" ({', '.join(labels)})" if labels else ""
        raise ValueError(f"{name}{place} is missing{where}; accepted: finite values")
