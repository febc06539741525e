"""`:classify` on images: `examples`, each with the feature `image/encoded`, and `results`, pairs of label and score."""

from __future__ import annotations

from collections.abc import Sequence

from lightship.errors import InvalidArgument
from lightship.services.images import Ranking
from lightship.transports.rest.json_dump import dump
from lightship.transports.rest.json_text import quoted
from lightship.transports.rest.json_values import JsonValue, encoded, type_word
from lightship.transports.rest.leaves import decode_base64, is_base64
from lightship.transports.rest.number_text import float_texts

IMAGE_FEATURE = "image/encoded"


def images_of_examples(document: dict[str, JsonValue]) -> list[bytes]:
    """The encoded image of each example. Raises InvalidArgument with TensorFlow Serving's texts."""
    if "examples" not in document:
        problem = "When method is classify, key 'examples' is expected and was not found"
        raise InvalidArgument(f"JSON Value: {dump(document)} {problem}")
    examples = document["examples"]
    if not isinstance(examples, list):
        raise InvalidArgument(f"JSON Value: {dump(document)} Expecting 'examples' value to be an list/array")
    if not examples:
        raise InvalidArgument(f"JSON Value: {dump(document)} 'examples' value is an empty array")
    return [_image(example) for example in examples]


def _image(example: JsonValue) -> bytes:
    if not isinstance(example, dict):
        raise InvalidArgument(f"Example must be JSON object but got JSON {type_word(example)}")
    value = example.get(IMAGE_FEATURE)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict) or not is_base64(value):
        shape = f'{{"{IMAGE_FEATURE}": {{"b64": "..."}}}}'
        raise InvalidArgument(f"JSON Value: {dump(example)} is no example with an encoded image: {shape}")
    return decode_base64(value)


def results_document(rankings: Sequence[Ranking]) -> bytes:
    """`{"results": [[[label, score], ...], ...]}`."""
    texts = (f"[{', '.join(map(_pair, ranking.labels, float_texts(ranking.scores)))}]" for ranking in rankings)
    return encoded('{\n    "results": [' + ", ".join(texts) + "\n    ]\n}")


def _pair(label: str, score: str) -> str:
    return f"[{quoted(label)}, {score}]"
