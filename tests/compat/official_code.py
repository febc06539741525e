"""Code as users of TensorFlow Serving write it: every method by the official stubs. Run by the tests as it stands, and
with `lightship.compat` before what it imports of TensorFlow.

Takes a server's address, its model's folder, and PEM files: authority, client's certificate, its key, as far as there
are any. Prints what was answered, as JSON.
"""

import json
import sys
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
    session_service_pb2,
)
from tensorflow_serving.config import model_server_config_pb2

MODEL = "half_plus_two"
TIMEOUT = 30.0


def open_channel(address: str, authority: str = "", certificate: str = "", key: str = "") -> grpc.Channel:
    if not authority:
        return grpc.insecure_channel(address)
    parts = [Path(file).read_bytes() if file else None for file in (authority, key, certificate)]
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(*parts))


def predict(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> object:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = MODEL
    request.model_spec.signature_name = "serving_default"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([[1.0], [2.0]], dtype=tf.float32))
    result = stub.Predict(request, TIMEOUT)
    output = tf.make_ndarray(result.outputs["y"])
    assert output.dtype == np.float32
    return [output.tolist(), result.model_spec.version.value]


def predict_later(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> object:
    """A tensor made by hand, a filter, a version, and a future with a callback."""
    shape = tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=3)])
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape=shape, float_val=[0.0, 4.0])
    request = predict_pb2.PredictRequest(inputs={"x": tensor}, output_filter=["y"])
    request.model_spec.name = MODEL
    request.model_spec.version.value = 123
    outputs = []
    future = stub.Predict.future(request, TIMEOUT)
    future.add_done_callback(lambda done: outputs.append(tf.make_ndarray(done.result().outputs["y"]).tolist()))
    return [tf.make_ndarray(future.result().outputs["y"]).tolist(), future.code().name]


def example(x: float) -> tf.train.Example:
    return tf.train.Example(
        features=tf.train.Features(feature={"x": tf.train.Feature(float_list=tf.train.FloatList(value=[x]))})
    )


def classify(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> object:
    request = classification_pb2.ClassificationRequest()
    request.model_spec.name = MODEL
    request.model_spec.signature_name = "classify_x_to_y"
    request.input.example_list.examples.extend([example(2.0), example(4.0)])
    result = stub.Classify(request, TIMEOUT).result
    return [[one.score for one in row.classes] for row in result.classifications]


def regress(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> object:
    request = regression_pb2.RegressionRequest()
    request.model_spec.name = MODEL
    request.model_spec.signature_name = "regress_x_to_y"
    request.input.example_list_with_context.examples.add()
    request.input.example_list_with_context.context.CopyFrom(example(6.0))
    return [one.value for one in stub.Regress(request, TIMEOUT).result.regressions]


def multi_inference(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> object:
    request = inference_pb2.MultiInferenceRequest()
    for kind in ("classify", "regress"):
        task = inference_pb2.InferenceTask(method_name=f"tensorflow/serving/{kind}")
        task.model_spec.name, task.model_spec.signature_name = MODEL, f"{kind}_x_to_y"
        request.tasks.append(task)
    request.input.example_list.examples.append(example(2.0))
    return [json_format.MessageToDict(result) for result in stub.MultiInference(request, TIMEOUT).results]


def metadata(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> object:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = MODEL
    response = stub.GetModelMetadata(request, TIMEOUT)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    x = signatures.signature_def["serving_default"].inputs["x"]
    return [sorted(signatures.signature_def), types_pb2.DataType.Name(x.dtype), x.tensor_shape.dim[0].size]


def status(stub: model_service_pb2_grpc.ModelServiceStub) -> object:
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = MODEL
    versions = stub.GetModelStatus(request, TIMEOUT).model_version_status
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    return [[one.version, one.state == available, one.status.error_code] for one in versions]


def reload(stub: model_service_pb2_grpc.ModelServiceStub, folder: str) -> object:
    models = model_server_config_pb2.ModelConfigList()
    models.config.add(name=MODEL, base_path=folder, model_platform="tensorflow", version_labels={"stable": 123})
    models.config.add(name="twin", base_path=folder, model_platform="tensorflow")
    request = model_management_pb2.ReloadConfigRequest()
    request.config.CopyFrom(model_server_config_pb2.ModelServerConfig(model_config_list=models))
    response = stub.HandleReloadConfigRequest(request, TIMEOUT)
    return [response.status.error_code, response.status.error_message]


def predict_by_label(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> object:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.version_label = MODEL, "stable"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.arange(3, dtype=np.float32)))
    return list(stub.Predict(request, TIMEOUT).outputs["y"].float_val)


def refused(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> object:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "nobody"
    try:
        return stub.Predict(request, TIMEOUT)
    except grpc.RpcError as error:
        return [error.code().name, error.details()]


def session_run(channel: grpc.Channel) -> object:
    run = channel.unary_unary(
        "/tensorflow.serving.SessionService/SessionRun",
        request_serializer=session_service_pb2.SessionRunRequest.SerializeToString,
        response_deserializer=session_service_pb2.SessionRunResponse.FromString,
    )
    try:
        return run(session_service_pb2.SessionRunRequest(fetch=["y"]), TIMEOUT)
    except grpc.RpcError as error:
        return error.code().name


def main(address: str, folder: str, *keys: str) -> None:
    with open_channel(address, *keys) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        answers = {
            "Predict": predict(stub),
            "Predict.future": predict_later(stub),
            "Classify": classify(stub),
            "Regress": regress(stub),
            "MultiInference": multi_inference(stub),
            "GetModelMetadata": metadata(stub),
            "GetModelStatus": status(models),
            "HandleReloadConfigRequest": reload(models, folder),
            "Predict by label": predict_by_label(stub),
            "Predict of no model": refused(stub),
            "SessionRun": session_run(channel),
        }
    print(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
