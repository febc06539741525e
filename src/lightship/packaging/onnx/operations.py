"""Which operations of ONNX may work on a client's values, and where those must not come.

On the CPU, onnxruntime reads no memory outside of a tensor: it checks indices, as of Gather and Scatter, and sizes.
But negative indices count from the end, and a division of the least integer by -1 ends the process. On a GPU, indices
that are out of range give zeros. TensorFlow raises errors for all of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

_ANYWHERE: Final = frozenset[int]()

_ELEMENTWISE = (
    *("Abs", "Acos", "Acosh", "Add", "And", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Celu", "Clip", "Cos", "Cosh"),
    *("Dropout", "Elu", "Equal", "Erf", "Exp", "Floor", "Gelu", "Greater", "GreaterOrEqual", "HardSigmoid"),
    *("HardSwish", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Less", "LessOrEqual", "Log", "Max", "Mean", "Min"),
    *("Mish", "Mul", "Neg", "Not", "Or", "PRelu", "Pow", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign"),
    *("Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Sub", "Sum", "Tan", "Tanh", "ThresholdedRelu", "Where", "Xor"),
)
_LAYERS = (
    *("ArgMax", "ArgMin", "AveragePool", "BatchNormalization", "Concat", "Conv", "ConvTranspose", "DepthToSpace"),
    *("Einsum", "Flatten", "Gemm", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "GroupNormalization"),
    *("Hardmax", "InstanceNormalization", "LRN", "LayerNormalization", "LogSoftmax", "LpNormalization", "LpPool"),
    *("MatMul", "MaxPool", "MeanVarianceNormalization", "Shape", "Size", "Softmax", "SpaceToDepth", "Transpose"),
)
_REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")


def _all(names: Iterable[str], *forbidden: int) -> dict[str, frozenset[int]]:
    return dict.fromkeys(names, frozenset(forbidden))


# The operations that may get a client's values, each with the operands that must not depend on them: sizes, dimensions
# and lengths.
ALLOWED: Mapping[str, frozenset[int]] = {
    **_all((*_ELEMENTWISE, *_LAYERS)),
    **_all((f"Reduce{name}" for name in _REDUCTIONS), 1),
    **_all(("CumSum", "Expand", "Reshape", "ReverseSequence", "Split", "Squeeze"), 1),
    **_all(("Tile", "TopK", "Trilu", "Unsqueeze"), 1),
    **_all(("GRU", "LSTM", "RNN"), 4),
    **_all(("Pad",), 1, 3),
    **_all(("Resize",), 1, 2, 3),
    **_all(("Slice",), 1, 2, 3, 4),
}

# Their outputs depend on the shapes of a client's arrays only.
OF_SHAPES = frozenset({"Shape", "Size"})
# They are looked at closely: `indices.guarded`, and `hazards`.
DIVISIONS = frozenset({"Div", "Mod"})
CASTS = frozenset({"Cast", "CastLike"})
LOOK_UPS = frozenset({"Gather"})
