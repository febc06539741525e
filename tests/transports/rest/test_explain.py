"""`:explain`: every way to send images, every option, and what is said of those that cannot be."""

from __future__ import annotations

import base64
import gzip
import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import httpx2
import numpy as np
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from PIL import Image
from tests.explained_model import LABELS, SPEC, picture, save_explained_model

from lightship import protos
from lightship.batching import Direct, complete
from lightship.images.prepare import prepare
from lightship.lifecycle import ServableId, load_servable
from lightship.server import Server, serve
from lightship.services.explain import MAX_TOP, explain_images_steps
from lightship.tensors.tensor_writing import write_tensor

PHOTO = picture(0)
URL = "/v1/models/explained:explain"
Ask = Callable[..., httpx2.Response]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's access log."""
    return tmp_path_factory.mktemp("log") / "access.log"


@pytest.fixture(scope="module")
def server(explained_model: Path, half_plus_two: Path, log: Path) -> Iterator[Server]:
    models = (explained_model, f"half={half_plus_two}")
    options: dict[str, Any] = {"access_log": "json", "access_log_file": log}
    with serve(*models, rest_port="auto", grpc_port="auto", **options) as running:
        assert running.wait_ready(60)
        running.manager.set_labels("explained", {"stable": 1})
        yield running


@pytest.fixture(scope="module")
def ask(server: Server) -> Iterator[Ask]:
    with httpx2.Client(base_url=server.rest_url, timeout=120) as http:

        def asked(query: str = "", body: Any = PHOTO, url: str = URL, **headers: str) -> httpx2.Response:
            content = body if isinstance(body, bytes) else json.dumps(body)
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return http.post(url + query, content=content, headers=named)

        yield asked


def encoded(*images: bytes) -> list[dict[str, str]]:
    return [{"b64": base64.b64encode(image).decode()} for image in images]


def inputs(*seeds: int) -> np.ndarray:
    return np.stack([prepare(picture(seed), SPEC) for seed in seeds])


def explained(answer: httpx2.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["explanations"]


def refused(answer: httpx2.Response) -> str:
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"])


def test_a_photo_is_explained(ask: Ask) -> None:
    answer = ask()
    document = answer.json()
    assert list(document) == ["explanations", "method", "layer", "model"]
    assert (document["method"], document["layer"], document["model"]) == ("cam", "features", "explained")
    (found,) = document["explanations"]
    assert list(found) == ["class_index", "label", "score", "logit", "map"]
    assert found["label"] == LABELS[found["class_index"]]
    assert np.shape(found["map"]) == (4, 4)
    assert answer.headers["Lightship-Model-Version"] == "1"
    assert answer.headers["Content-Type"] == "application/json"


def test_its_label_and_score_are_those_of_predict(ask: Ask) -> None:
    best = ask("?top=1", url="/v1/models/explained:predict").json()["predictions"][0]
    (found,) = explained(ask())
    assert found["label"] == best["labels"][0]
    assert found["score"] == pytest.approx(best["scores"][0], rel=1e-5)


@pytest.mark.parametrize(
    "url", ["/v1/models/explained/versions/1:explain", "/v1/models/explained/labels/stable:explain"]
)
def test_a_version_and_a_label_choose_as_for_predict(ask: Ask, url: str) -> None:
    assert explained(ask(url=url)) == explained(ask())
    wrong = url.replace("versions/1", "versions/7").replace("stable", "no")
    answer, predicted = ask(url=wrong), ask(url=wrong.replace(":explain", ":predict"))
    assert answer.status_code in (400, 404)
    assert (answer.status_code, answer.json()) == (predicted.status_code, predicted.json())


def test_every_way_to_send_an_image_has_the_same_answer(ask: Ask, server: Server) -> None:
    wanted = explained(ask(content_type="image/png"))
    form = {"photo": ("p.png", PHOTO, "image/png")}
    assert explained(httpx2.post(server.rest_url + URL, files=form, timeout=60)) == wanted
    assert explained(ask(body=gzip.compress(PHOTO), content_encoding="gzip")) == wanted
    for images in (encoded(PHOTO), [{"image_bytes": one} for one in encoded(PHOTO)]):
        assert explained(ask(body={"instances": images})) == wanted
    assert explained(ask(body={"inputs": encoded(PHOTO)})) == wanted
    assert explained(ask(body={"inputs": {"image_bytes": encoded(PHOTO)}})) == wanted
    packed = gzip.compress(json.dumps({"instances": encoded(PHOTO)}).encode())
    assert explained(ask(body=packed, content_encoding="gzip")) == wanted


def test_every_way_to_send_the_models_input_has_the_same_answer(ask: Ask) -> None:
    batch = inputs(0, 1)
    wanted = explained(ask(body={"instances": encoded(picture(0), picture(1))}))
    for body in ({"instances": batch.tolist()}, {"inputs": batch.tolist()}, {"inputs": {"x": batch.tolist()}}):
        assert explained(ask(body=body)) == wanted
    assert explained(ask(body={"instances": [{"x": one} for one in batch.tolist()]})) == wanted
    npy, npz = io.BytesIO(), io.BytesIO()
    np.save(npy, batch)
    np.savez(npz, x=batch)
    assert explained(ask(body=npy.getvalue(), content_type="application/x-npy")) == wanted
    assert explained(ask(body=npz.getvalue(), content_type="application/x-npz")) == wanted
    raw = {"content_type": "application/octet-stream", "Lightship_Dtype": "float32", "Lightship_Shape": "2,8,8,3"}
    assert explained(ask(body=batch.tobytes(), **raw)) == wanted
    assert explained(ask("?class=0&class=4", batch.tobytes(), **raw))[1]["label"] == "horse"


def test_options_may_be_in_the_url_or_in_the_body(ask: Ask) -> None:
    two = {"instances": encoded(PHOTO, picture(1))}
    for query, more in (("?method=grad-cam&class=dog", {}), ("?class=dog", {"method": "grad-cam"})):
        answer = ask(query, two | more)
        assert answer.json()["method"] == "grad-cam"
        assert [one["label"] for one in explained(answer)] == ["dog", "dog"]
    assert explained(ask("?class=dog")) == explained(ask(body={"instances": encoded(PHOTO), "class": "dog"}))


@pytest.mark.parametrize(
    ("wanted", "labels"),
    [
        ("horse", ["horse", "horse"]),
        (4, ["horse", "horse"]),
        ("4", ["horse", "horse"]),
        ("0", ["0", "0"]),
        (0, ["cat", "cat"]),
        (["dog", 3], ["dog", "bull mästiff"]),
        ([3, 1], ["bull mästiff", "dog"]),
        (["predicted", "0"], [None, "0"]),
        ("predicted", [None, None]),
        (None, [None, None]),
    ],
)
def test_a_class_is_a_label_an_index_or_a_list_of_them(ask: Ask, wanted: Any, labels: list[str | None]) -> None:
    images = encoded(PHOTO, picture(1))
    predicted = [one["label"] for one in explained(ask(body={"instances": images}))]
    found = explained(ask(body={"instances": images} | ({} if wanted is None else {"class": wanted})))
    assert [one["label"] for one in found] == [label or best for label, best in zip(labels, predicted, strict=True)]


def test_top_explains_the_best_classes_of_each_image(ask: Ask) -> None:
    best = ask("?top=3", url="/v1/models/explained:predict").json()["predictions"][0]["labels"]
    (found,) = explained(ask("?top=3"))
    assert [one["label"] for one in found] == best
    assert found[0] == explained(ask())[0]
    assert explained(ask("?top=1")) == explained(ask())
    assert explained(ask("?top=1&class=dog"))[0]["label"] == "dog"
    assert np.shape(
        [one["map"] for two in explained(ask(body={"inputs": inputs(0, 1).tolist(), "top": 2})) for one in two]
    ) == (4, 4, 4)


def test_rest_grpc_and_this_process_agree(ask: Ask, server: Server, explained_model: Path) -> None:
    images = [picture(seed) for seed in range(3)]
    over_rest = [one["map"] for one in explained(ask(body={"instances": encoded(*images)}))]
    request = protos.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "explained", "explain"
    write_tensor(request.inputs["image_bytes"], np.array(images, object))
    with grpc.insecure_channel(server.grpc_address) as channel:
        stub = channel.unary_unary(
            "/tensorflow.serving.PredictionService/Predict",
            protos.PredictRequest.SerializeToString,
            protos.PredictResponse.FromString,
        )
        over_grpc = np.array(stub(request, timeout=60).outputs["map"].float_val).reshape(3, 4, 4)
    servable = load_servable(ServableId("explained", 1), explained_model / "1")
    try:
        here = complete(explain_images_steps(servable, images)).maps
    finally:
        servable.close()
    np.testing.assert_allclose(over_rest, here, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(over_grpc, here, rtol=1e-5, atol=1e-5)


def test_a_map_that_does_not_cover_all_of_its_photo_says_what_it_covers(explained_model: Path, tmp_path: Path) -> None:
    save_explained_model(tmp_path / "cropped" / "1", fit="crop")
    with serve(tmp_path / "cropped", rest_port="auto") as server:
        assert server.wait_ready(60)
        url = f"{server.rest_url}/v1/models/cropped:explain"
        (found,) = httpx2.post(url, content=PHOTO, timeout=60).json()["explanations"]
        assert found["region"] == [0.125, 0.0, 0.875, 1.0]
        ((first, second),) = httpx2.post(f"{url}?top=2", content=PHOTO, timeout=60).json()["explanations"]
        assert first["region"] == second["region"] == found["region"]
        tensors = {"instances": inputs(0).tolist()}
        assert "region" not in httpx2.post(url, json=tensors, timeout=60).json()["explanations"][0]
        image = httpx2.post(f"{url}?alpha=1", content=PHOTO, headers={"Accept": "image/png"}, timeout=60).content
    with Image.open(io.BytesIO(image)) as over, Image.open(io.BytesIO(PHOTO)) as photo:
        same = (np.asarray(over) == np.asarray(photo.convert("RGB"))).all(axis=(0, 2))
    assert same[:5].all()
    assert same[35:].all()
    assert not same[5:35].any()


def test_a_map_lies_on_the_middle_of_a_photo_that_is_not_resized(tmp_path: Path) -> None:
    """Of 40 x 30 pixels the model sees 8 x 8. One of 4 x 20 pixels is cut off above and below, and padded beside."""
    save_explained_model(tmp_path / "middle" / "1", fit="crop_or_pad")
    with serve(tmp_path / "middle", rest_port="auto") as server:
        assert server.wait_ready(60)
        url = f"{server.rest_url}/v1/models/middle:explain"
        regions = [
            httpx2.post(url, content=photo, timeout=60).json()["explanations"][0]["region"]
            for photo in (PHOTO, picture(0, 4, 20))
        ]
        image = httpx2.post(f"{url}?alpha=1", content=PHOTO, headers={"Accept": "image/png"}, timeout=60).content
    assert regions == [pytest.approx([16 / 40, 11 / 30, 24 / 40, 19 / 30]), pytest.approx([-0.5, 6 / 20, 1.5, 14 / 20])]
    with Image.open(io.BytesIO(image)) as over, Image.open(io.BytesIO(PHOTO)) as photo:
        differs = (np.asarray(over) != np.asarray(photo.convert("RGB"))).any(axis=2)
    assert differs[11:19, 16:24].all()
    differs[11:19, 16:24] = False
    assert not differs.any()


def test_predict_answers_the_signatures_of_explanations(ask: Ask) -> None:
    body = {"signature_name": "explain", "instances": encoded(PHOTO)}
    (found,) = ask(body=body, url="/v1/models/explained:predict").json()["predictions"]
    (wanted,) = explained(ask())
    assert (found["map"], found["label"]) == (wanted["map"], wanted["label"])


@pytest.mark.parametrize(
    "accept", ["image/png", "image/*", "text/html, image/png", "application/json;q=0.5, image/png"]
)
def test_the_map_comes_over_the_photo(ask: Ask, accept: str) -> None:
    answer = ask("?class=bull%20m%C3%A4stiff&alpha=0.7", accept=accept)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.size, image.mode) == ((40, 30), "RGB")
    assert answer.headers["Lightship-Label"] == "bull%20m%C3%A4stiff"
    assert answer.headers["Lightship-Class-Index"] == "3"
    assert answer.headers["Lightship-Method"] == "cam"
    assert answer.headers["Lightship-Model-Version"] == "1"
    (wanted,) = explained(ask("?class=3"))
    assert float(answer.headers["Lightship-Score"]) == pytest.approx(wanted["score"])


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/json", "application/json, image/png", "text/html, */*;q=0.1", "application/*"]
)
def test_the_answer_is_json_unless_an_image_is_preferred(ask: Ask, accept: str) -> None:
    assert ask(accept=accept).headers["Content-Type"] == "application/json"


def test_one_photo_in_json_may_be_answered_as_an_image(ask: Ask) -> None:
    body = {"instances": encoded(PHOTO), "colormap": "gray", "alpha": 1, "class": "dog"}
    assert (
        ask(body=body, accept="image/png").content
        == ask("?colormap=gray&alpha=1.0&class=dog", accept="image/png").content
    )
    assert ask(body=body, accept="image/png").content != ask(body=body | {"alpha": 0.5}, accept="image/png").content


WRONG: list[tuple[str, Any, dict[str, str], str]] = [
    ("?method=kam", PHOTO, {}, "has no method 'kam': did you mean 'cam'? It has cam, grad-cam; the default is cam"),
    ("?class=hors", PHOTO, {}, "there is no class 'hors': did you mean 'horse'?"),
    ("?class=5", PHOTO, {}, "has 5 classes, from 0 to 4"),
    ("?class=0&class=1", PHOTO, {}, "class has 2 values for 1 images"),
    ("?top=6", PHOTO, {}, "has 5 classes: give 5 at most"),
    (f"?top={MAX_TOP + 1}", PHOTO, {}, f"top is {MAX_TOP + 1}; give a number of classes from 1 to {MAX_TOP}"),
    ("?top=0", PHOTO, {}, "top is 0; give"),
    ("?top=x", PHOTO, {}, 'top is "x"; give'),
    ("?top=1.5", PHOTO, {}, 'top is "1.5"; give'),
    ("?top=2&class=dog", PHOTO, {}, "class and top=2 are given"),
    ("?top=2&top=2", PHOTO, {}, "top is in the URL twice"),
    ("?metod=cam", PHOTO, {}, "the URL has the parameter 'metod': did you mean 'method'?"),
    ("?alpha=0.5", PHOTO, {}, "alpha is for an image, and the answer is JSON"),
    ("?alpha=1.5", PHOTO, {"accept": "image/png"}, "alpha is 1.5; give a number from 0"),
    ("?alpha=nan", PHOTO, {"accept": "image/png"}, "alpha is nan"),
    ("?alpha=much", PHOTO, {"accept": "image/png"}, 'alpha is "much"'),
    ("?colormap=viridus", PHOTO, {"accept": "image/png"}, "no colormap 'viridus': did you mean 'viridis'"),
    ("?top=2", PHOTO, {"accept": "image/png"}, "but top is 2"),
    ("", PHOTO, {"accept": "text/html"}, "Accept is 'text/html'; an explanation is application/json, or image/png"),
    ("", PHOTO, {"accept": "image/png;q=0"}, "Accept is 'image/png;q=0'"),
    ("", PHOTO[:60], {}, "cannot be decoded: "),
    ("", b"\xff\xd8\xff broken", {}, "the JPEG image of 10 bytes cannot be decoded"),
    ("", b"", {"content_type": "image/png"}, "the image is empty (0 bytes)"),
    ("", b"", {}, "The document is empty"),
    ("", {"instances": []}, {}, "No values in 'instances' array"),
    ("", {"inputs": []}, {}, "there is no image to explain"),
    ("", {}, {}, "Missing 'inputs' or 'instances' key"),
    ("", {"inputs": 5}, {}, "the input is a single number"),
    ("", {"instances": [[[[1.0, 2.0]]]]}, {}, "[1, 1, 1, 2], but [?, 8, 8, 3] is expected"),
    ("", {"instances": ["cat.jpg"]}, {}, "is not of expected type: float"),
    ("", {"instances": [{"b64": ""}, 1.0]}, {}, "Failed to process element: 1 of 'instances' list"),
    ("", {"instances": [[{"b64": "AAAA"}]]}, {}, "is not of expected type: float"),
    ("", {"inputs": {"y": [1.0]}}, {}, "Missing named input: x"),
    ("", {"instances": [1.0], "metod": "cam"}, {}, "the request has the member 'metod': did you mean 'method'?"),
    ("", {"instances": [1.0], "signature_name": "explain"}, {}, "the request has the member 'signature_name'"),
    ("", {"instances": encoded(PHOTO), "class": True}, {}, "class is true; give a label, an index"),
    ("", {"instances": encoded(PHOTO), "class": 1.5}, {}, "class is 1.5; give"),
    ("", {"instances": encoded(PHOTO), "class": {"a": 1}}, {}, "give a label, an index"),
    ("", {"instances": encoded(PHOTO), "class": [[1]]}, {}, "give a label, an index"),
    ("", {"instances": encoded(PHOTO), "class": []}, {}, "class has 0 values for 1 images"),
    ("", {"instances": encoded(PHOTO), "class": ["cat", "dog"]}, {}, "class has 2 values for 1 images"),
    ("", {"instances": encoded(PHOTO), "class": -1}, {}, "there is no class -1"),
    ("", {"instances": encoded(PHOTO), "method": 3}, {}, "method is 3; give a name"),
    ("", {"instances": encoded(PHOTO), "top": True}, {}, "top is true; give"),
    ("", {"instances": encoded(PHOTO), "colormap": 3}, {"accept": "image/png"}, "no colormap '3'"),
    ("", {"instances": encoded(PHOTO), "alpha": True}, {"accept": "image/png"}, "alpha is true"),
    ("?class=dog", {"instances": encoded(PHOTO), "class": "dog"}, {}, "class is in the URL and in the body"),
    ("", {"instances": encoded(PHOTO, PHOTO)}, {"accept": "image/png"}, "one map, but the request has 2"),
    ("", {"instances": inputs(0).tolist()}, {"accept": "image/png"}, "but the request has the model's own input"),
    ("", {"instances": encoded(PHOTO, b"no")}, {}, "image 1 of 2: the image is not JPEG, PNG"),
    ("", b"[1]", {}, "Is not object"),
    ("", b"{", {}, "JSON Parse error"),
    ("", b"x", {"content_type": "application/x-npy"}, "npy"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "body", "headers", "text"), WRONG)
def test_what_is_wrong_is_told(ask: Ask, query: str, body: Any, headers: dict[str, str], text: str) -> None:
    assert text in refused(ask(query, body, **headers))


def test_a_model_without_explanations_says_how_to_export_it(ask: Ask) -> None:
    url = "/v1/models/half:explain"
    for body in (PHOTO, {"instances": [1.0]}):
        assert "has no explanations, because Lightship did not export it: export" in refused(ask("", body, url))
    assert ask(url="/v1/models/none:explain").status_code == 404


def test_a_malformed_target_is_named_with_its_query(ask: Ask) -> None:
    for target in ("/v1/models/explained:Explain", "/v1/models/a/b:explain", "/v1/models/explained:explain/"):
        for query in ("", "?class=dog"):
            assert refused(ask(query, {"instances": [1.0]}, target)) == f"Malformed request: POST {target}{query}"


def test_a_forms_limit_and_an_images_limit_hold(explained_model: Path) -> None:
    from lightship.transports.http.limits import Limits

    with serve(explained_model, rest_port="auto", limits=Limits(image=1000)) as server:
        assert server.wait_ready(60)
        for headers in ({"Content-Type": "image/png"}, {}):
            answer = httpx2.post(server.rest_url + URL, content=picture(0, 400, 400), headers=headers, timeout=60)
            assert answer.status_code == 413 if headers else 200


def test_too_little_memory_refuses_it_and_nothing_stays_counted(explained_model: Path) -> None:
    with serve(explained_model, rest_port="auto", memory_budget=16 << 20) as server:
        assert server.wait_ready(60)
        for accept in ("application/json", "image/png"):
            large = picture(0, 3000, 3000)
            answer = httpx2.post(server.rest_url + URL, content=large, headers={"Accept": accept}, timeout=60)
            assert (answer.status_code, "memory budget" in answer.text) == (413, True)
        budget = server._endpoints.app.budget  # type: ignore[union-attr]
        for _ in range(600):
            if not budget.taken:
                break
            threading.Event().wait(0.05)
        assert budget.taken == 0


def test_without_extensions_it_is_malformed_as_in_tensorflow_serving(explained_model: Path) -> None:
    with serve(explained_model, rest_port="auto", extensions=False) as server:
        assert server.wait_ready(60)
        for query in ("", "?class=dog"):
            for body in (PHOTO, b'{"instances": [1.0]}', b"x" * 100_000):
                answer = httpx2.post(server.rest_url + URL + query, content=body, timeout=60)
                assert refused(answer) == f"Malformed request: POST {URL}{query}"
        assert URL not in httpx2.get(f"{server.rest_url}/openapi.json").json()["paths"]


def test_it_is_counted_and_logged(ask: Ask, server: Server, log: Path) -> None:
    explained(ask("?class=horse&method=cam"))
    metrics = httpx2.get(f"{server.rest_url}/metrics").text
    assert 'request_latency_count{model_name="explained",API="explain",entrypoint="REST"}' in metrics
    assert 'runtime_latency_count{model_name="explained",API="Explain",runtime="TF1"}' in metrics
    _until(lambda: "class=horse&method=cam" in log.read_text())
    (line,) = [line for line in log.read_text().splitlines() if "class=horse&method=cam" in line]
    record = json.loads(line)
    assert (record["model"], record["version"], record["status"]) == ("explained", 1, 200)


def test_it_is_described_and_answers_as_described(ask: Ask, server: Server) -> None:
    document = httpx2.get(f"{server.rest_url}/openapi.json").json()
    OpenAPIV31SpecValidator(document).validate()
    for which in ("", "/versions/{version}", "/labels/{label}"):
        assert f"/v1/models/explained{which}:explain" in document["paths"]
    assert "/v1/models/half:explain" not in document["paths"]
    (version,) = document["x-lightship-models"][0]["versions"]
    assert version["explain"] == {"layer": "features", "default": "cam", "methods": ["cam", "grad-cam"]}
    assert document["x-lightship-models"][1]["versions"][0]["explain"] is None
    components = {"components": document["components"]}
    answers = Draft202012Validator({"$ref": "#/components/schemas/Explanations"} | components)
    requests = Draft202012Validator({"$ref": "#/components/schemas/explained_explain_request"} | components)
    for body in (
        {"instances": encoded(PHOTO), "class": "dog", "method": "cam"},
        {"instances": inputs(0).tolist(), "top": 2},
        {"instances": encoded(PHOTO), "class": ["dog"]},
    ):
        requests.validate(body)
        answers.validate(ask(body=body).json())


class Held:
    """An engine whose explanations wait until they may go on. `running` is the number of those that have begun."""

    def __init__(self, engine: Any) -> None:
        self.engine, self.running, self.go_on = engine, 0, threading.Event()

    def run(self, signature: str, *arguments: Any, **options: Any) -> Any:
        if signature.startswith("explain"):
            self.running += 1
            assert self.go_on.wait(120)
        return self.engine.run(signature, *arguments, **options)

    def try_run(self, *arguments: Any, **options: Any) -> None:
        return None

    def ready(self, *arguments: Any) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.engine, name)


def test_predictions_are_answered_while_explanations_take_all_their_threads(explained_model: Path) -> None:
    """Of the same model and client: photos, tensors, and over gRPC, however many explanations wait."""
    with serve(explained_model, rest_port="auto", grpc_port="auto", threads=2) as server:
        assert server.wait_ready(60)
        lease = server.manager._serving._models["explained"].latest
        assert lease is not None
        held = Held(lease.servable.engine)
        lease.servable = replace(lease.servable, engine=held, scheduler=Direct(held))  # type: ignore[arg-type]
        statuses: list[int] = []

        def explain(body: Any) -> None:
            statuses.append(httpx2.post(server.rest_url + URL, content=body, timeout=120).status_code)

        bodies = [PHOTO, json.dumps({"instances": encoded(PHOTO)}), json.dumps({"instances": inputs(0).tolist()})]
        bodies.append(json.dumps({"instances": inputs(*range(64)).tolist()}))  # a long one
        callers = [threading.Thread(target=explain, args=(bodies[number % 4],)) for number in range(12)]
        for caller in callers:
            caller.start()
        executor = server._endpoints.executor  # type: ignore[union-attr]
        _until(lambda: held.running >= 2 and executor.waiting >= 8)
        predict = server.rest_url + "/v1/models/explained:predict"
        for body in (PHOTO, bodies[1].replace('{"ins', '{"signature_name": "image_bytes", "ins'), *bodies[2:]):
            assert httpx2.post(predict, content=body, timeout=60).status_code == 200
        # A thread that it just got, because the others take long, has not come to its run yet.
        _until(lambda: executor._lanes["explanations"].running == held.running)
        held.go_on.set()
        for caller in callers:
            caller.join(120)
        assert statuses == [200] * 12


def _until(condition: Callable[[], bool]) -> None:
    for _ in range(12_000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("the condition did not come true within 60 s")
