"""Operations of OpenVINO by what was found of them on the CPU; the conformance suite holds these lists against
TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping

from lightship.engines.openvino.moves import MOVES

# Indices into these may come from a client, so they get guards.
INDEXING = frozenset({"Gather", "GatherND"})

# Of integers, they must not divide by zero.
DIVISIONS = frozenset({"Divide", "FloorMod", "Mod"})

# They only hand integers on, or compute them as integers.
RIGHT_FOR_ALL_INTEGERS = frozenset(
    {
        *(MOVES.keys() - {"ReverseSequence"}),
        *("Concat", "Constant", "OneHot", "Parameter", "Result", "ScatterUpdate", "Select", "ShapeOf"),
    }
)

# NaN and infinities come out of these as out of TensorFlow's.
PROPAGATE_NONFINITE = frozenset(
    {
        *MOVES,
        *("Abs", "Add", "Concat", "Constant", "Convert", "ConvertLike", "Convolution", "ConvolutionBackpropData"),
        *("GroupConvolution", "GroupConvolutionBackpropData", "MatMul", "Multiply", "Negative", "Pad", "Parameter"),
        *("ReduceMean", "ReduceSum", "Result", "ScatterUpdate", "ShapeOf", "Sigmoid", "Subtract", "Tanh", "AvgPool"),
    }
)

# Sums of products: of huge numbers they overflow by the order in which they add up.
ACCUMULATE = frozenset(
    {
        *("AvgPool", "Convolution", "ConvolutionBackpropData", "Einsum", "GroupConvolution"),
        *("GroupConvolutionBackpropData", "MatMul", "ReduceMean", "ReduceSum"),
    }
)

# Operands that say a shape, a position or an axis: they must not depend on what a client sends beyond shapes.
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

# Of any other operation nothing is known.
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
            "IsFinite",
            "NormalizeL2",
            "BatchNormInference",
            "Einsum",
        ),
        "ReduceL2",
    }
) - {"GatherElements"}

# They work element by element.
ELEMENTWISE = frozenset(
    {
        *("Abs", "Acos", "Acosh", "Add", "Asin", "Asinh", "Atan", "Atanh", "Ceiling", "Clamp", "Convert"),
        *("ConvertLike", "Cos", "Cosh", "Divide", "Elu", "Equal", "Erf", "Exp", "Floor", "FloorMod", "Gelu"),
        *("Greater", "GreaterEqual", "HSwish", "IsFinite", "IsInf", "IsNaN", "Less", "LessEqual", "Log", "LogicalAnd"),
        *("LogicalNot", "LogicalOr", "Maximum", "Minimum", "Mish", "Mod", "Multiply", "Negative", "NotEqual"),
        *("Parameter", "Power", "Relu", "Result", "Round", "Select", "Sigmoid", "Sign", "Sin", "Sinh", "SoftPlus"),
        *("SoftSign", "Sqrt", "SquaredDifference", "Subtract", "Swish", "Tan", "Tanh"),
    }
)

# Near 0 their results are right by what they are apart from TensorFlow's, not by how many digits agree.
INEXACT_NEAR_ZERO = frozenset({"Elu", "Erf", "Gelu", "Selu", "SoftPlus"})

# Of which operands a small difference near 0 becomes a large one.
MAGNIFIED: Mapping[str, tuple[int, ...]] = {
    **{"Divide": (1,), "Log": (0,), "Power": (0,), "Sign": (0,), "Sqrt": (0,)},
    **dict.fromkeys(("Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "NotEqual"), (0, 1)),
}

# Near 1 and -1 the last bit of their operand is worth a lot.
STEEP = frozenset({"Acos", "Acosh", "Asin", "Atanh"})

CASTS = frozenset({"Convert", "ConvertLike"})

# Their results jump where a float passes an integer, or half of one.
STEPS = CASTS | {"Ceiling", "Floor", "Round"}
# How near to a jump a float is undecided, relative to its magnitude, or to 1 for smaller ones.
UNDECIDED = 1e-5

# Their results depend on the remainder by a period, which the last bits of a large operand decide.
PERIODIC = frozenset({"Cos", "Sin", "Tan"})
# By what an error of the last bits may be multiplied: that of an angle by its size, that of a base by the exponent.
LARGEST_FACTOR = 256.0

# Their results are the same bits as TensorFlow's, if their operands are.
EXACT = frozenset(
    {
        *MOVES,
        *("Abs", "Add", "Clamp", "Concat", "Constant", "Convert", "ConvertLike", "Divide", "Maximum", "Minimum"),
        *("Multiply", "Negative", "Pad", "Parameter", "Relu", "Select", "Subtract"),
    }
)
