"""Says which operations LiteRT runs without reading or writing outside of tensors, whatever the values are.

LiteRT checks a file when it is opened, and most operations check their operands when they run. Those that do not were
found by trying them with bad values (tests/engines/litert/test_bad_values.py). They are refused unless what they do not
check is a constant of the file: then the trial in a helper process has run with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lightship.engines.base import CannotRun
from lightship.saved_model.tflite import Operator, Subgraph, TfliteModel
from lightship.tensors.dtypes import DataType

# No operand of these says where to read or write, or how much.
_PLAIN = """
    ABS ADD ADD_N AVERAGE_POOL_2D BATCH_MATMUL BITCAST BITWISE_XOR BUCKETIZE CALL_ONCE CAST CEIL COMPLEX_ABS
    CONCATENATION CONV_2D CONV_3D COS DENSIFY DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE DIV ELU EQUAL EXP FAKE_QUANT
    FLOOR FLOOR_DIV FULLY_CONNECTED GELU GREATER GREATER_EQUAL HARD_SWISH IF IMAG L2_NORMALIZATION L2_POOL_2D LEAKY_RELU
    LESS LESS_EQUAL LOCAL_RESPONSE_NORMALIZATION LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC LOG_SOFTMAX LSTM
    MATRIX_DIAG MAXIMUM MAX_POOL_2D MINIMUM MUL NEG NOT_EQUAL PACK POW PRELU QUANTIZE RANK REAL RELU RELU6 RELU_0_TO_1
    RELU_N1_TO_1 RIGHT_SHIFT RNN ROUND RSQRT SELECT SELECT_V2 SHAPE SIGN SIN SOFTMAX SPACE_TO_DEPTH SQRT SQUARE
    SQUARED_DIFFERENCE SQUEEZE SUB SVDF TANH UNIDIRECTIONAL_SEQUENCE_LSTM UNIDIRECTIONAL_SEQUENCE_RNN
    BIDIRECTIONAL_SEQUENCE_LSTM BIDIRECTIONAL_SEQUENCE_RNN UNIQUE UNPACK WHERE WHILE ZEROS_LIKE
    HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE VAR_HANDLE READ_VARIABLE ASSIGN_VARIABLE
"""
# These check such operands, or `shapes` does it for them.
_CHECKED = """
    ARG_MAX ARG_MIN ATAN2 BATCH_TO_SPACE_ND CUMSUM EXPAND_DIMS GATHER GATHER_ND MEAN REDUCE_ALL REDUCE_ANY REDUCE_MAX
    REDUCE_MIN REDUCE_PROD RESHAPE REVERSE_V2 RFFT2D SEGMENT_SUM SLICE SPLIT SPLIT_V STRIDED_SLICE SUM TOPK_V2 TRANSPOSE
"""
_SAFE = frozenset(f"{_PLAIN} {_CHECKED}".split())
# The operands that must be constants. BROADCAST_ARGS ends the process if shapes do not fit, REVERSE_SEQUENCE reads
# beyond a sequence, and nothing is known of the others.
_CONSTANT: Mapping[str, tuple[int, ...]] = {
    "BROADCAST_ARGS": (0, 1),
    "DYNAMIC_UPDATE_SLICE": (2,),
    "EMBEDDING_LOOKUP": (0,),
    "REVERSE_SEQUENCE": (1,),
}
# The operands that say how large a tensor becomes. They may come from the shapes of other tensors, but not from the
# values of a request: a few bytes could ask for all memory, and beyond 2 GiB some operations write elsewhere. FLOOR_MOD
# is here because it ends the process where the lowest integer is divided by -1.
_SIZES: Mapping[str, tuple[int, ...]] = {
    "BROADCAST_TO": (1,),
    "CONV_3D_TRANSPOSE": (0,),
    "FILL": (0,),
    "FLOOR_MOD": (1,),
    "MIRROR_PAD": (1,),
    "MULTINOMIAL": (1,),
    "NON_MAX_SUPPRESSION_V4": (2,),
    "NON_MAX_SUPPRESSION_V5": (2,),
    "ONE_HOT": (1,),
    "PAD": (1,),
    "PADV2": (1,),
    "RANDOM_STANDARD_NORMAL": (0,),
    "RANDOM_UNIFORM": (0,),
    "RANGE": (0, 1, 2),
    "RESIZE_BILINEAR": (1,),
    "RESIZE_NEAREST_NEIGHBOR": (1,),
    "SCATTER_ND": (2,),
    "SPACE_TO_BATCH_ND": (1, 2),
    "SPARSE_TO_DENSE": (1,),
    "TILE": (1,),
    "TRANSPOSE_CONV": (0,),
    "UNSORTED_SEGMENT_MAX": (2,),
    "UNSORTED_SEGMENT_MIN": (2,),
    "UNSORTED_SEGMENT_PROD": (2,),
    "UNSORTED_SEGMENT_SUM": (2,),
}
# These do not compare the sizes of their operands, so none may be free.
_FIXED_SHAPES = frozenset({"MATRIX_SET_DIAG"})
# Only these types of FLOOR_MOD can overflow.
_WIDE = {DataType.DT_INT32, DataType.DT_INT64, DataType.DT_INVALID}
# What these return does not depend on their operands alone.
_NOT_FOLLOWED = frozenset({"CALL_ONCE", "IF", "WHILE", "READ_VARIABLE", "HASHTABLE_FIND", "HASHTABLE_SIZE"})


def check_operations(model: TfliteModel, allowed: Collection[str] = ()) -> None:
    """Raises CannotRun, with the operation's name, if an operation is not known to stay within its tensors.

    allowed: operations that may run anyway. A file whose runs change variables is refused too: each interpreter has its
    own, so the answer would depend on which of them runs a call.
    """
    initial = {one.once for graph in model.subgraphs for one in graph.operators if one.once >= 0}
    for index, graph in enumerate(model.subgraphs):
        sizes = known_before_values(graph)
        for one in graph.operators:
            if one.custom:
                continue  # LiteRT has none, and says so when it opens the file
            if one.name == "ASSIGN_VARIABLE" and index not in initial:
                raise CannotRun("its runs change variables, and each interpreter has its own")
            if one.name not in allowed:
                _check(one, graph, sizes)


def known_before_values(graph: Subgraph) -> set[int]:
    """Returns the tensors that depend on constants and on shapes alone."""
    known = {index for index, tensor in enumerate(graph.tensors) if tensor.constant}
    for one in graph.operators:
        followed = one.inputs and not one.custom and one.name not in _NOT_FOLLOWED
        if one.name in ("SHAPE", "RANK") or (followed and all(index in known or index == -1 for index in one.inputs)):
            known.update(one.outputs)
    return known


def _check(one: Operator, graph: Subgraph, sizes: Collection[int]) -> None:
    name = one.name
    if name in _SAFE:
        return
    if name in _CONSTANT:
        if not all(graph.tensors[index].constant for index in operands(one, _CONSTANT[name])):
            raise refusal(name, "does not check its operands, which depend on the request")
    elif name in _SIZES:
        wide = name != "FLOOR_MOD" or any(graph.tensors[index].dtype in _WIDE for index in one.outputs)
        if wide and not all(index in sizes for index in operands(one, _SIZES[name])):
            raise refusal(name, "takes any number from the request")
    elif name in _FIXED_SHAPES:
        if any(-1 in (graph.tensors[index].shape or (-1,)) for index in one.inputs):
            raise refusal(name, "does not compare the sizes of its operands, which may vary")
    else:
        raise refusal(name, "is not known to check its operands")


def operands(one: Operator, positions: Collection[int]) -> list[int]:
    """Returns the tensors of these operands, without those that are left out."""
    return [one.inputs[position] for position in positions if position < len(one.inputs) and one.inputs[position] >= 0]


def refusal(name: str, fault: str) -> CannotRun:
    """Returns why an operation does not run. `fault` is the rest of a sentence that begins with its name."""
    return CannotRun(f"LiteRT's {name} {fault}, and may end the process; --allow-unproven {name} lets it run", name)
