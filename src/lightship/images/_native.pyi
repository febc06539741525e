import numpy as np
from numpy.typing import NDArray

# The numbers of the first pixels and the weights, as in `lightship.images.weights.Weights`.
_Weights = tuple[NDArray[np.int32], NDArray[np.int32]]

def attach(path: str, /) -> bool: ...
def count_markers(data: bytes, code: int, /) -> int: ...
def resize_jpeg(
    data: bytes,
    width: int,
    height: int,
    colors: int,
    columns: _Weights,
    rows: _Weights,
    out: NDArray[np.uint8],
    columns_first: bool,
    plain: bool,
    /,
) -> bool: ...
def resize_image(
    array: object,
    width: int,
    height: int,
    colors: int,
    columns: _Weights,
    rows: _Weights,
    out: NDArray[np.uint8],
    columns_first: bool,
    plain: bool,
    /,
) -> bool: ...
