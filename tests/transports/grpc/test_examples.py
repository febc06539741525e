"""Classify, Regress and MultiInference over gRPC."""

from __future__ import annotations

import pytest
from tests.transports.grpc.conftest import Ask, Refused

from lightship import protos

pytestmark = pytest.mark.tensorflow

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


def features(x: float) -> str:
    return f'features {{ feature {{ key: "x" value {{ float_list {{ value: {x} }} }} }} }}'


def examples(*values: float) -> str:
    return "input { example_list { " + " ".join(f"examples {{ {features(x)} }}" for x in values) + " } }"


def spec(model: str, signature: str = "") -> str:
    return f'model_spec {{ name: "{model}" signature_name: "{signature}" }}'


def test_classify_answers_as_documented(ask: Ask) -> None:
    answer = ask("Classify", f"{spec('half', 'classify_x_to_y')} {examples(2.0)}")
    expected = protos.ClassificationResponse()
    expected.result.classifications.add().classes.add(score=3.0)
    expected.model_spec.name, expected.model_spec.signature_name = "half", "classify_x_to_y"
    expected.model_spec.version.value = 123
    assert answer == expected


def test_labels_and_scores_stand_in_the_models_order(ask: Ask) -> None:
    answer = ask("Classify", f"{spec('inference', 'both')} {examples(1.0, 2.0)}")
    rows = [[(one.label, one.score) for one in row.classes] for row in answer.result.classifications]
    assert rows == [[("1.0", 2.0), ("1.0", 2.0)], [("2.0", 4.0), ("2.0", 4.0)]]


def test_labels_alone_have_no_score(ask: Ask) -> None:
    answer = ask("Classify", f"{spec('inference', 'classes')} {examples(1.0)}")
    assert [(one.label, one.score) for one in answer.result.classifications[0].classes] == [("1.0", 0.0)]


def test_regress_gives_a_value_for_each_example(ask: Ask) -> None:
    answer = ask("Regress", f"{spec('half', 'regress_x_to_y')} {examples(2.0, 0.0)}")
    assert [one.value for one in answer.result.regressions] == [3.0, 2.0]
    assert answer.model_spec.signature_name == "regress_x_to_y"


def test_a_context_gives_what_an_example_does_not_have(ask: Ask) -> None:
    listed = f"context {{ {features(4)} }} examples {{}} examples {{ {features(2)} }}"
    context = f"input {{ example_list_with_context {{ {listed} }} }}"
    answer = ask("Regress", f"{spec('half', 'regress_x_to_y')} {context}")
    assert [one.value for one in answer.result.regressions] == [4.0, 3.0]


@pytest.mark.parametrize(
    "input",
    [
        "",
        "input {}",
        "input { example_list {} }",
        f"input {{ example_list_with_context {{ context {{ {features(1)} }} }} }}",
    ],
)
@pytest.mark.parametrize(("method", "signature"), [("Classify", "classify_x_to_y"), ("Regress", "regress_x_to_y")])
def test_no_examples_are_an_empty_input(refused: Refused, method: str, signature: str, input: str) -> None:
    assert refused(method, f"{spec('half', signature)} {input}") == ("INVALID_ARGUMENT", "Input is empty.")


@pytest.mark.parametrize(
    ("method", "signature", "message"),
    [
        ("Classify", "no", "No signature was found with the name: no"),
        ("Classify", "two_inputs", "Expected one input Tensor."),
        ("Classify", "three_outputs", "Expected one or two output Tensors, found 3"),
        ("Classify", "deep_scores", "Expected Tensor shape: [batch_size num_classes] but got [2,1,2]"),
        ("Classify", "flat_classes", "Expected Tensor shape: [batch_size num_classes] but got [2]"),
        ("Classify", "number_classes", "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
        ("Classify", "text_scores", "Expected scores Tensor of DT_FLOAT. Got: DT_STRING"),
        ("Classify", "more_classes", "Expected classes output batch size of 2. Got: 4"),
        ("Classify", "more_scores", "Expected scores output batch size of 2. Got: 4"),
        ("Classify", "wider_classes", "Tensors class and score should match in dim_size(1). Got 2 vs. 1"),
        ("Regress", "no", "No signature was found with the name: no"),
        ("Regress", "two_inputs", "Expected one input Tensor."),
        ("Regress", "both", "Expected one output Tensor."),
        (
            "Regress",
            "table",
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]",
        ),
        (
            "Regress",
            "single",
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got []",
        ),
        ("Regress", "more_outputs", "Input batch size did not match output batch size: 2 vs. 4"),
        ("Regress", "integers", "Expected output Tensor of DT_FLOAT.  Got: DT_INT32"),
    ],
)
def test_a_signature_of_another_form_is_refused(refused: Refused, method: str, signature: str, message: str) -> None:
    assert refused(method, f"{spec('inference', signature)} {examples(1.0, 2.0)}") == ("INVALID_ARGUMENT", message)


@pytest.mark.parametrize("method", ["Classify", "Regress"])
def test_a_signature_that_is_not_named_is_the_default_one(ask: Ask, refused: Refused, method: str) -> None:
    text = "No signature was found with the name: serving_default"
    assert refused(method, f"{spec('identity')} {examples(1.0)}") == ("INVALID_ARGUMENT", text)
    answer = ask("Classify", f"{spec('inference')} {examples(1.0)}")
    assert answer.model_spec.signature_name == "serving_default"
    assert [one.score for one in answer.result.classifications[0].classes] == [2.0, 2.0]


def test_examples_for_an_input_of_numbers_are_refused_by_type(refused: Refused) -> None:
    text = "Expects arg[0] to be float but string is provided"
    assert refused("Classify", f"{spec('inference', 'numbers')} {examples(1.0)}") == ("INVALID_ARGUMENT", text)


def test_what_is_no_classification_is_reported_before_the_input_is_empty(refused: Refused) -> None:
    assert refused("Classify", spec("inference", "two_inputs")) == ("INVALID_ARGUMENT", "Expected one input Tensor.")
    assert refused("Regress", spec("inference", "both")) == ("INVALID_ARGUMENT", "Expected one output Tensor.")


@pytest.mark.parametrize(
    ("method", "signature", "start"),
    [
        ("Classify", "another_input", "No classification inputs found in SignatureDef: inputs {"),
        (
            "Classify",
            "neither",
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            "Signature was: inputs {",
        ),
        ("Regress", "another_regress_input", "No regression inputs found in SignatureDef: inputs {"),
        ("Regress", "scores", "No regression outputs found in SignatureDef: inputs {"),
    ],
)
def test_what_lacks_a_name_is_shown_whole(refused: Refused, method: str, signature: str, start: str) -> None:
    code, message = refused(method, f"{spec('inference', signature)} {examples(1.0)}")
    assert code == "INVALID_ARGUMENT"
    assert message.startswith(start)


def task(model: str, signature: str, method: str) -> str:
    return f'tasks {{ {spec(model, signature)} method_name: "{method}" }}'


def test_tasks_are_answered_in_their_order(ask: Ask) -> None:
    tasks = f"{task('half', 'regress_x_to_y', REGRESS)} {task('half', 'classify_x_to_y', CLASSIFY)}"
    first, second = ask("MultiInference", f"{tasks} {examples(2.0)}").results
    assert first.WhichOneof("result") == "regression_result"
    assert first.regression_result.regressions[0].value == 3.0
    assert second.classification_result.classifications[0].classes[0].score == 3.0
    assert (second.model_spec.name, second.model_spec.signature_name) == ("half", "classify_x_to_y")
    assert second.model_spec.version.value == 123


def test_any_number_of_tasks_is_answered(ask: Ask) -> None:
    ways = {"both": CLASSIFY, "classes": CLASSIFY, "flat": REGRESS, "column": REGRESS, "": CLASSIFY}
    tasks = " ".join(task("inference", signature, method) for signature, method in ways.items())
    results = ask("MultiInference", f"{tasks} {examples(1.0, 3.0)}").results
    names = [one.model_spec.signature_name for one in results]
    assert names == ["both", "classes", "flat", "column", "serving_default"]
    assert [one.value for one in results[2].regression_result.regressions] == [2.0, 6.0]


def test_an_unnamed_signature_is_the_default_one_and_counts_as_used(refused: Refused) -> None:
    tasks = f"{task('inference', '', CLASSIFY)} {task('inference', 'serving_default', CLASSIFY)}"
    text = "Duplicate evaluation of signature: serving_default"
    assert refused("MultiInference", f"{tasks} {examples(2.0)}") == ("INVALID_ARGUMENT", text)


def test_an_output_that_is_wrong_fails_them_all(refused: Refused) -> None:
    tasks = f"{task('inference', 'both', CLASSIFY)} {task('inference', 'more_outputs', REGRESS)}"
    text = "Input batch size did not match output batch size: 1 vs. 2"
    assert refused("MultiInference", f"{tasks} {examples(2.0)}") == ("INVALID_ARGUMENT", text)


@pytest.mark.parametrize(
    ("further", "code", "message"),
    [
        (task("", "a", CLASSIFY), "INVALID_ARGUMENT", "Found ModelSpec with an empty model name."),
        (
            task("sums", "a", CLASSIFY),
            "INVALID_ARGUMENT",
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        (
            task("half", "regress_x_to_y", CLASSIFY),
            "INVALID_ARGUMENT",
            "Duplicate evaluation of signature: regress_x_to_y",
        ),
        (task("half", "no", CLASSIFY), "INVALID_ARGUMENT", "Requested signature not found in model graph: no"),
        (
            task("half", "classify_x_to_y", "mine"),
            "UNIMPLEMENTED",
            "Unsupported signature method_name: mine",
        ),
        (task("half", "classify_x_to_y", REGRESS), "INVALID_ARGUMENT", "No regression outputs found in SignatureDef: "),
    ],
)
def test_a_task_that_cannot_be_fails_them_all(refused: Refused, further: str, code: str, message: str) -> None:
    tasks = f"{task('half', 'regress_x_to_y', REGRESS)} {further}"
    seen, text = refused("MultiInference", f"{tasks} {examples(2.0)}")
    assert (seen, text[: len(message)]) == (code, message)


def test_tasks_are_checked_before_the_examples(refused: Refused) -> None:
    request = task("half", "regress_x_to_y", REGRESS)
    assert refused("MultiInference", request) == ("INVALID_ARGUMENT", "Input is empty.")
