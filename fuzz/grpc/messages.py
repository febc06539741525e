"""Requests as hypothesis draws them: any message by its description, and calls that name what there is."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import strategies as st

from fuzz.grpc import methods
from fuzz.grpc.tensors import tensors
from fuzz.models import NAMES, TYPES
from lightship import protos

SIGNATURES = ("", "serving_default", "classify_x_to_y", "regress_x_to_y", "free", "product", "rows", "sum", "echo")
_SIGNATURE = "tensorflow.serving.ModelSpec.signature_name"
_TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
_HINTS: dict[str, tuple[str, ...]] = {
    "tensorflow.serving.ModelSpec.name": (*NAMES, "dog"),
    _SIGNATURE: (*SIGNATURES, *TYPES, "image_bytes", "classify", "small", "numbers"),
    "tensorflow.serving.ModelSpec.version_label": ("stable", ""),
    "tensorflow.serving.PredictRequest.InputsEntry.key": tuple("xaisbf"),
    "tensorflow.serving.PredictRequest.output_filter": ("y", "sum", "n", "text"),
    "tensorflow.serving.InferenceTask.method_name": tuple(
        f"tensorflow/serving/{verb}" for verb in ("classify", "regress")
    ),
    "tensorflow.serving.GetModelMetadataRequest.metadata_field": ("signature_def",),
    "tensorflow.serving.ModelConfig.name": (*NAMES, "new"),
    "tensorflow.serving.ModelConfig.model_platform": ("tensorflow",),
    "tensorflow.Features.FeatureEntry.key": ("x", "image/encoded"),
    "grpc.health.v1.HealthCheckRequest.service": ("", "ModelService", *NAMES),
}
_WHOLE = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-(2**31), 2**31 - 1),
}
_INPUTS = {  # dtype by input, of signatures that can be hit
    ("half_plus_two", "serving_default"): {"x": 1},
    ("convolution", "product"): {"x": 1},
    ("convolution", "free"): {"x": 1},
    ("convolution", "rows"): {"i": 9},
    ("convolution", "sum"): {"a": 3, "b": 3},
    ("mixed", "serving_default"): {"i": 3, "s": 7, "b": 10, "f": 1},
    ("mixed", "echo"): {"s": 7},
    ("mixed", "small"): {"i": 4},
    ("mixed", "numbers"): {"s": 7},
} | {
    ("types", name): {"x": dtype}
    for name, dtype in zip(TYPES, (1, 2, 19, 14, 6, 5, 3, 9, 4, 17, 22, 23, 10, 8, 18, 7), strict=True)
}


def calls(*chosen: methods.Method) -> st.SearchStrategy[tuple[methods.Method, Any]]:
    """A method and a request to it."""
    any_of = [st.tuples(st.just(method), drawn(method.request.DESCRIPTOR)) for method in chosen]
    if methods.PREDICT in chosen:
        any_of += [st.tuples(st.just(methods.PREDICT), predictions())] * 8
        any_of += [inferences()] * 4
    return st.one_of(any_of)


@st.composite
def predictions(draw: st.DrawFn) -> Any:
    """Predict on what there is, with inputs of the right names and mostly the right types."""
    (model, signature), inputs = draw(st.sampled_from(sorted(_INPUTS.items(), key=lambda item: item[0])))
    request = protos.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    for name, dtype in inputs.items():
        request.inputs[name].CopyFrom(draw(tensors(dtype)))
    if not draw(st.integers(0, 9)):
        request.output_filter.extend(draw(st.lists(_texts("tensorflow.serving.PredictRequest.output_filter"))))
    return request


@st.composite
def inferences(draw: st.DrawFn) -> tuple[methods.Method, Any]:
    """Classify, regress, or both in one call, of examples that mostly have what is asked for."""
    method = draw(st.sampled_from([methods.CLASSIFY, methods.REGRESS, methods.MULTI]))
    request, ways = method.request(), [(methods.CLASSIFY, "classify_x_to_y"), (methods.REGRESS, "regress_x_to_y")]
    if method is methods.MULTI:
        for way, signature in draw(st.lists(st.sampled_from(ways), min_size=1, max_size=3)):
            name = f"tensorflow/serving/{way.path.rpartition('/')[2].lower()}"
            task = request.tasks.add(method_name=name)
            task.model_spec.name, task.model_spec.signature_name = NAMES[0], signature
    else:
        signature = dict(ways)[method] if draw(st.integers(0, 5)) else draw(_texts(_SIGNATURE))
        request.model_spec.name = NAMES[0] if draw(st.integers(0, 5)) else "dog"
        request.model_spec.signature_name = signature
    listed = request.input.example_list
    if draw(st.booleans()):
        listed = request.input.example_list_with_context
        listed.context.CopyFrom(draw(_examples()))
    for example in draw(st.lists(_examples(), max_size=4)):
        listed.examples.add().CopyFrom(example)
    return method, request


@st.composite
def _examples(draw: st.DrawFn) -> Any:
    if not draw(st.integers(0, 5)):
        return draw(drawn(protos.Example.DESCRIPTOR))
    example = protos.Example()
    example.features.feature["x"].float_list.value.append(draw(st.floats(width=32)))
    return example


@st.composite
def drawn(draw: st.DrawFn, kind: Descriptor, depth: int = 0) -> Any:
    """Any message of a kind."""
    if kind.full_name == "tensorflow.TensorProto":
        return draw(tensors())
    message = protos.message(kind.full_name)()
    for field in kind.fields:
        if draw(st.integers(0, 3 if depth < 2 else 2)) and depth < 7:
            _fill(draw, message, field, depth)
    return message


def _fill(draw: st.DrawFn, message: Any, field: FieldDescriptor, depth: int) -> None:
    count = draw(st.integers(0, 3)) if field.is_repeated else 1
    if field.message_type is None:
        made = [draw(_scalars(field)) for _ in range(count)]
        if field.is_repeated:
            getattr(message, field.name).extend(made)
        else:
            setattr(message, field.name, made[0])
        return
    for _ in range(count):
        one = draw(drawn(field.message_type, depth + 1))
        if not field.is_repeated:
            getattr(message, field.name).CopyFrom(one)
        elif field.message_type.GetOptions().map_entry:
            _put(getattr(message, field.name), one, field.message_type.fields_by_name["value"])
        else:
            getattr(message, field.name).add().CopyFrom(one)


def _put(entries: Any, entry: Any, value: FieldDescriptor) -> None:
    if value.message_type is None:
        entries[entry.key] = entry.value
    else:
        entries[entry.key].CopyFrom(entry.value)


def _scalars(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    kind = field.cpp_type
    if kind in _WHOLE:
        return st.one_of(
            st.integers(0, 3), st.sampled_from([-1 if _WHOLE[kind][0] else 9, 123]), st.integers(*_WHOLE[kind])
        )
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    if kind == FieldDescriptor.CPPTYPE_STRING:
        return st.binary(max_size=30) if field.type == FieldDescriptor.TYPE_BYTES else _texts(field.full_name)
    return st.floats(width=32)


def _texts(name: str) -> st.SearchStrategy[str]:
    hints = _HINTS.get(name)
    return _TEXTS if hints is None else st.one_of(st.sampled_from(hints), st.sampled_from(hints), _TEXTS)
