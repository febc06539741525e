"""OpenVINO's operations, grouped by their behaviour on the CPU.

The conformance suite checks these lists against TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping

from lightship.engines.openvino.moves import MOVES

# Operations whose indices may come from a client, so they need guards.
INDEXING = frozenset({"Gather", "GatherND"})

# Operations that must not divide integers by zero.
DIVISIONS = frozenset({"Divide", "FloorMod", "Mod"})

# Operations that copy integers or compute with them exactly.
RIGHT_FOR_ALL_INTEGERS = frozenset(
    {
        *(MOVES.keys() - {"ReverseSequence"}),
        *("Concat", "Constant", "OneHot", "Parameter", "Result", "ScatterUpdate", "Select", "ShapeOf"),
    }
)

# Operations that propagate NaN and infinities as TensorFlow does.
PROPAGATE_NONFINITE = frozenset(
    {
        *MOVES,
        *("Abs", "Add", "Concat", "Constant", "Convert", "ConvertLike", "Convolution", "ConvolutionBackpropData"),
        *("GroupConvolution", "GroupConvolutionBackpropData", "MatMul", "Multiply", "Negative", "Pad", "Parameter"),
        *("ReduceMean", "ReduceSum", "Result", "ScatterUpdate", "ShapeOf", "Sigmoid", "Subtract", "Tanh", "AvgPool"),
    }
)

# Operations that add up products. With very large numbers, whether they overflow depends on the order of additions.
ACCUMULATE = frozenset(
    {
        *("AvgPool", "Convolution", "ConvolutionBackpropData", "Einsum", "GroupConvolution"),
        *("GroupConvolutionBackpropData", "MatMul", "ReduceMean", "ReduceSum"),
    }
)

# Operands that hold a shape, a position or an axis. They must not depend on values that a client sends.
SHAPE_OPERANDS: Mapping[str, tuple[int, ...]] = {
    "BatchToSpace": (1, 2, 3),
    "Broadcast": (1, 2),
    "CumSum": (1,),
    "Gather": (2,),
    "Interpolate": (1, 2, 3),
    "OneHot": (1,),
    "Pad": (1, 2),
    "Range": (0, 1, 2),
    "ReduceMax": (1,),
    "ReduceMean": (1,),
    "ReduceMin": (1,),
    "ReduceProd": (1,),
    "ReduceSum": (1,),
    "Reshape": (1,),
    "ReverseSequence": (1,),
    "Roll": (1, 2),
    "ScatterUpdate": (1, 3),
    "Slice": (1, 2, 3, 4),
    "SpaceToBatch": (1, 2, 3),
    "Split": (1,),
    "Squeeze": (1,),
    "StridedSlice": (1, 2, 3),
    "Tile": (1,),
    "TopK": (1,),
    "Transpose": (1,),
    "Unsqueeze": (1,),
    "VariadicSplit": (1, 2),
}

# All operations that were analysed. Other operations are refused.
KNOWN = frozenset(
    {
        *RIGHT_FOR_ALL_INTEGERS,
        *PROPAGATE_NONFINITE,
        *SHAPE_OPERANDS,
        *INDEXING,
        *("Ceiling", "Clamp", "Divide", "Elu", "Equal", "Erf", "Exp", "Floor", "FloorMod", "Gelu", "Greater"),
        *("GreaterEqual", "HSigmoid", "HSwish", "HardSigmoid", "Less", "LessEqual", "Log", "LogSoftmax", "LogicalAnd"),
        *("LogicalNot", "LogicalOr", "LogicalXor", "MVN", "MaxPool", "Maximum", "Minimum", "Mish", "Mod", "NotEqual"),
        *("PRelu", "Power", "ReduceLogicalAnd", "ReduceLogicalOr", "Relu", "Round", "Selu", "Sign", "SoftPlus"),
        *("SoftSign", "Softmax", "Sqrt", "SquaredDifference", "Sin", "Cos", "Tan", "Sinh", "Cosh", "Asin", "Acos"),
        *(
            "Atan",
            "Asinh",
            "Acosh",
            "Atanh",
            "IsNaN",
            "IsInf",
            "NormalizeL2",
            "BatchNormInference",
            "Einsum",
        ),
        "ReduceL2",
    }
) - {"GatherElements"}

# Operations that work element by element.
ELEMENTWISE = frozenset(
    {
        *("Abs", "Acos", "Acosh", "Add", "Asin", "Asinh", "Atan", "Atanh", "Ceiling", "Clamp", "Convert"),
        *("ConvertLike", "Cos", "Cosh", "Divide", "Elu", "Equal", "Erf", "Exp", "Floor", "FloorMod", "Gelu"),
        *("Greater", "GreaterEqual", "HSwish", "IsInf", "IsNaN", "Less", "LessEqual", "Log", "LogicalAnd"),
        *("LogicalNot", "LogicalOr", "Maximum", "Minimum", "Mish", "Mod", "Multiply", "Negative", "NotEqual"),
        *("Parameter", "Power", "Relu", "Result", "Round", "Select", "Sigmoid", "Sign", "Sin", "Sinh", "SoftPlus"),
        *("SoftSign", "Sqrt", "SquaredDifference", "Subtract", "Swish", "Tan", "Tanh"),
    }
)

# Operations whose results near 0 have a small absolute error, but possibly a large relative error.
INEXACT_NEAR_ZERO = frozenset({"Elu", "Erf", "Gelu", "Selu", "SoftPlus"})

# Operands for which a small difference near 0 causes a large difference of the result.
MAGNIFIED: Mapping[str, tuple[int, ...]] = {
    **{"Divide": (1,), "Log": (0,), "Power": (0,), "Sign": (0,), "Sqrt": (0,)},
    **dict.fromkeys(("Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "NotEqual"), (0, 1)),
}

# Operations that magnify a difference in the last bit of an operand near 1 or -1.
STEEP = frozenset({"Acos", "Acosh", "Asin", "Atanh"})

CASTS = frozenset({"Convert", "ConvertLike"})

# Operations whose results jump where a float crosses an integer or the middle between two integers.
STEPS = CASTS | {"Ceiling", "Floor", "Round"}
# A float closer to a jump than this may be on either side. The distance is relative to the float's magnitude or to 1,
# whichever is larger.
UNDECIDED = 1e-5

# Periodic functions. The last bits of a large operand change its remainder, and so the result.
PERIODIC = frozenset({"Cos", "Sin", "Tan"})
# The largest factor by which an error in the last bits may be multiplied. The factor is the operand of a periodic
# function, or the exponent of a power.
LARGEST_FACTOR = 256.0

# Operations whose results are bit-identical to TensorFlow's if their operands are.
EXACT = frozenset(
    {
        *MOVES,
        *("Abs", "Add", "Clamp", "Concat", "Constant", "Convert", "ConvertLike", "Divide", "Maximum", "Minimum"),
        *("Multiply", "Negative", "Pad", "Parameter", "Relu", "Select", "Subtract"),
    }
)
