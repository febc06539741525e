"""Requests whose HTTP is in order and whose body is not, or not quite."""

from __future__ import annotations

import base64
import gzip
import io
import zlib
from collections.abc import Callable
from functools import cache
from random import Random

import numpy as np
from PIL import Image

from fuzz.case import Case, Ending
from fuzz.documents import mutated_document

_GRID = [[[0.5, 0.25, -1.0]] * 8] * 8

# (model, method, document) that are answered with 200.
GOOD: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("half_plus_two", "predict", {"instances": [1.0, 2.0, 5.0]}),
    ("half_plus_two", "predict", {"instances": [[1.0], [2]]}),
    ("half_plus_two", "predict", {"signature_name": "serving_default", "inputs": {"x": [[1.0, 2.0]]}}),
    ("half_plus_two", "predict", {"instances": [{"x": 1.0}, {"x": 2.0}]}),
    ("half_plus_two", "predict", {"inputs": 3.0}),
    ("half_plus_two", "classify", {"signature_name": "classify_x_to_y", "examples": [{"x": 1.0}, {"x": [2.0]}]}),
    ("half_plus_two", "regress", {"signature_name": "regress_x_to_y", "context": {"x": 1.5}, "examples": [{}]}),
    ("convolution", "predict", {"instances": [_GRID]}),
    ("convolution", "predict", {"signature_name": "free", "instances": [_GRID, _GRID]}),
    ("convolution", "predict", {"signature_name": "product", "inputs": [[1.0, 2.0, 3.0, 4.0]]}),
    ("convolution", "predict", {"signature_name": "rows", "instances": [0, 1, 3]}),
    ("convolution", "predict", {"signature_name": "sum", "instances": [{"a": [1, 2], "b": [3, 4]}]}),
    ("convolution", "predict", {"signature_name": "sum", "inputs": {"a": [[1, 2], [3, 4]], "b": [[5, 6], [7, 8]]}}),
    ("mixed", "predict", {"instances": [{"i": 1, "s": "é", "b": True, "f": [0.5, 1.0]}]}),
    (
        *("mixed", "predict"),
        {"inputs": {"i": [1, 2], "s": ["a", {"b64": "AP8="}], "b": [True, False], "f": [[0.5, 1.0], [1e30, -2.0]]}},
    ),
    ("mixed", "predict", {"signature_name": "echo", "instances": ["a", {"b64": "//79"}]}),
    ("mixed", "predict", {"signature_name": "small", "instances": [0, 255]}),
    ("mixed", "predict", {"signature_name": "numbers", "instances": ["1.5", "2"]}),
)  # fmt: skip


def post(target: str, body: bytes, *headers: tuple[str, str]) -> bytes:
    lines = [f"POST {target} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def body_case(rng: Random) -> Case:
    """One request, to be answered once."""
    kind = rng.choice(_KINDS)
    return Case(kind.__name__.strip("_"), (kind(rng),), Ending.WAIT, (0,))


def _json(rng: Random) -> bytes:
    model, method, document = rng.choice(GOOD)
    body = mutated_document(rng, document)
    if rng.random() < 0.05:
        method = rng.choice(("predict", "classify", "regress"))
        model = rng.choice(("half_plus_two", "convolution", "mixed", "dog", "nope"))
    headers = [("Content-Type", rng.choice(("application/json", "text/plain", "x")))] if rng.random() < 0.5 else []
    return post(f"/v1/models/{model}:{method}", body, *headers)


def _compressed(rng: Random) -> bytes:
    model, method, document = rng.choice(GOOD)
    body = mutated_document(rng, document)
    if rng.random() < 0.02:
        body = rng.choice((b" ", b"[", b"1,", b'{"x":')) * 3_000_000
    packed = gzip.compress(body, 1)
    change = rng.randrange(7)
    if change == 0:
        packed = _flipped(rng, packed)
    elif change == 1:
        packed = packed[: rng.randrange(len(packed) + 1)]
    elif change == 2:
        packed += rng.choice((packed, b"\x00" * 20, b"x", packed[:9]))
    elif change == 3:
        packed = rng.choice((zlib.compress(body), body, b""))
    encoding = rng.choice(("gzip", "gzip", "gzip", "my_gzip", "GZIP", "gzip, gzip", "deflate", "identity"))
    return post(f"/v1/models/{model}:{method}", packed, ("Content-Encoding", encoding))


_TARGETS = (
    *("half_plus_two", "convolution", "mixed", "convolution/versions/1", "dog", "convolution/labels/x"),
    *("half_plus_two",),
)  # fmt: skip
_DTYPES = (
    *("float32", "float32", "int64", "int32", "uint8", "float16", "bfloat16", "bool", "complex64", "float64"),
    *("string", "object", "", "float32, int32", "<f4", "V8"),
)  # fmt: skip
_SHAPES = (
    *("1,8,8,3", "[1,1]", "[]", "", "3", "2,2", "1,4", "-1", "0", "0,8,8,3", "1,2,", "9999999999999999999", "x"),
    *("[[1]]", "1,1,1,1,1,1,1,1", "0,9223372036854775807,2", "4294967296,4294967296,0", "1" + ",1" * 40, "2,8,8,3"),
    *("1,9,9,3",),
)  # fmt: skip
_ACCEPTS = (
    *("application/x-npy", "application/x-npz", "application/octet-stream", "application/json", "*/*", "text/html"),
    *("", "application/x-npy;q=0, */*", ",,;", "application/x-npz, application/json"),
)  # fmt: skip
_BINARY_SIGNATURES = (
    *("serving_default", "free", "product", "rows", "sum", "small", "echo", "nope", "%zz", "%C3%A9", ""),
)  # fmt: skip


def _binary_headers(rng: Random) -> list[tuple[str, str]]:
    headers = []
    if rng.random() < 0.6:
        headers.append(("Accept", rng.choice(_ACCEPTS)))
    if rng.random() < 0.6:
        headers.append(("Lightship-Signature", rng.choice(_BINARY_SIGNATURES)))
    if rng.random() < 0.2:
        headers.append(("Lightship-Output", rng.choice(("y", "sum", "larger", "nope", "%00", "n"))))
    return headers


def _random_array(rng: Random) -> np.ndarray:
    shape = rng.choice(
        ((1, 8, 8, 3), (1, 1), (), (0,), (3,), (2, 2), (1, 4), (2, 8, 8, 3), (0, 8, 8, 3), (1, 9, 7, 3), (2,) * 6)
    )
    dtype = rng.choice(("<f4", "<f4", "<f4", ">f4", "<i8", "<i4", "|u1", "<f2", "|b1", "<c8", "<f8"))
    return np.asarray(np.ones(shape, dtype), order=rng.choice(("C", "F")))


def _saved(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _npy(rng: Random) -> bytes:
    data = _saved(_random_array(rng))
    if rng.random() < 0.6:
        data = _spoiled(rng, data)
    headers = _binary_headers(rng)
    return post(f"/v1/models/{rng.choice(_TARGETS)}:predict", data, ("Content-Type", "application/x-npy"), *headers)


def _npz(rng: Random) -> bytes:
    file = io.BytesIO()
    names = rng.choice((("x",), ("a", "b"), ("i", "s", "b", "f"), ("i",), ()))
    save: Callable[..., None] = np.savez if rng.random() < 0.8 else np.savez_compressed
    array = _random_array(rng)
    save(file, **{name: array if rng.random() < 0.8 else _random_array(rng) for name in names})
    data = file.getvalue()
    if rng.random() < 0.6:
        data = _spoiled(rng, data)
    headers = _binary_headers(rng)
    return post(f"/v1/models/{rng.choice(_TARGETS)}:predict", data, ("Content-Type", "application/x-npz"), *headers)


def _raw(rng: Random) -> bytes:
    headers = _binary_headers(rng)
    if rng.random() < 0.95:
        headers.append(("Lightship-Dtype", rng.choice(_DTYPES)))
    if rng.random() < 0.95:
        headers.append(("Lightship-Shape", rng.choice(_SHAPES)))
    data = rng.randbytes(rng.choice((0, 1, 4, 8, 12, 16, 768, 768, 1536, 192, 384, 1000)))
    return post(
        f"/v1/models/{rng.choice(_TARGETS)}:predict", data, ("Content-Type", "application/octet-stream"), *headers
    )


@cache
def _images() -> list[tuple[str, bytes]]:
    images = []
    for mode in ("RGB", "L", "1", "P", "RGBA", "CMYK", "I;16"):
        for form in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "ICO"):
            file = io.BytesIO()
            try:
                Image.effect_noise((40, 30), 50).convert(mode).save(file, form)
            except (OSError, ValueError, KeyError):
                continue
            images.append((f"image/{form.lower()}", file.getvalue()))
    return images


def _image(rng: Random) -> bytes:
    media, data = rng.choice(_images())
    if rng.random() < 0.8:
        data = _spoiled(rng, data)
    query = rng.choice(("", "", "?top=3", "?top=0", "?top=99999999999", "?top=x", "?a=b", "?top=1&top=2", "?"))
    if rng.random() < 0.1:
        media = rng.choice(("image/", "image/jpeg; x=y", "IMAGE/PNG", "image/svg+xml"))
    model = "dog" if rng.random() < 0.95 else "convolution"
    return post(f"/v1/models/{model}:predict{query}", data, ("Content-Type", media))


_WRONG_TYPES = (
    *("", "application/x-www-form-urlencoded", "application/octet-stream", "text/plain", "multipart/form-data"),
)  # fmt: skip


def _unnamed_image(rng: Random) -> bytes:
    """A photo that is called something else, or nothing."""
    _, data = rng.choice(_images())
    if rng.random() < 0.5:
        data = _spoiled(rng, data)
    media = rng.choice(_WRONG_TYPES)
    headers = [("Content-Type", media)] if media else []
    if rng.random() < 0.2:
        data, headers = gzip.compress(data, 1), [*headers, ("Content-Encoding", "gzip")]
    if rng.random() < 0.1:
        headers.append(rng.choice((("Lightship-Dtype", "uint8"), ("Lightship-Shape", "1,8,8,3"))))
    method = "predict" if rng.random() < 0.9 else rng.choice(("classify", "regress"))
    query = rng.choice(("", "", "?top=3", "?top=x"))
    return post(f"/v1/models/{rng.choice(('dog', 'dog', 'convolution'))}:{method}{query}", data, *headers)


# Options of `:explain`, as texts in a query; and as JSON.
_EXPLAIN_OPTIONS = {
    "method": ("cam", "grad-cam", "kam", "", "%00", "c%C3%A4m", "cam" * 999),
    "class": ("cat", "0", "4", "5", "predicted", "-1", "", "99999999999", "%FF", "b%C3%BCll", "x" * 5000),
    "top": ("1", "2", "5", "6", "20", "21", "0", "-1", "x", "1.5", "9" * 30, ""),
    "colormap": ("cividis", "gray", "jet", ""),
    "alpha": ("0", "1", "0.5", "2", "nan", "inf", "-0.1", "1e-400", "x", ""),
    "nonsense": ("", "1"),
}
_EXPLAIN_VALUES = (
    *("cam", "cat", 0, 4, -1, 1.5, 1e300, True, None, "", [], ["cat", 3], [[0]], {"a": 1}, [0] * 2000, 10**25),
    *("gray", 0.5, 2, "predicted", ["predicted"] * 2),
)  # fmt: skip
_EXPLAIN_ACCEPTS = (
    *("image/png", "image/png", "image/*", "*/*", "application/json", "text/html", "", ";;,", "image/png;q=x"),
    *("image/png;q=0, */*;q=0.1",),
)  # fmt: skip


def _explain(rng: Random) -> bytes:
    """A request for explanations: of a photo, a form, JSON or tensors, with options that are right or wrong."""
    body, headers = rng.choice(
        (_explained_photo, _explained_photo, _explained_json, _explained_json, _explained_tensor)
    )(rng)
    if rng.random() < 0.4:
        headers.append(("Accept", rng.choice(_EXPLAIN_ACCEPTS)))
    options = [
        f"{name}={rng.choice(_EXPLAIN_OPTIONS[name])}"
        for name in rng.choices(tuple(_EXPLAIN_OPTIONS), k=rng.choice((0, 0, 1, 1, 2, 3)))
    ]
    query = "?" + rng.choice(("&", "&", "&", "&&", "?", "#")).join(options) if options else rng.choice(("", "", "?"))
    model = rng.choice(("explained",) * 6 + ("explained/versions/1", "convolution", "half_plus_two", "nope"))
    return post(f"/v1/models/{model}:{'explain' if rng.random() < 0.97 else 'Explain'}{query}", body, *headers)


def _explained_photo(rng: Random) -> tuple[bytes, list[tuple[str, str]]]:
    media, data = rng.choice(_images())
    if rng.random() < 0.5:
        data = _spoiled(rng, data)
    if rng.random() < 0.2:
        head = b'--x\r\nContent-Disposition: form-data; name="f"; filename="p"\r\n\r\n'
        return head + data + b"\r\n--x--\r\n", [("Content-Type", "multipart/form-data; boundary=x")]
    return data, [("Content-Type", media)] if rng.random() < 0.7 else []


def _explained_json(rng: Random) -> tuple[bytes, list[tuple[str, str]]]:
    photos: list[object] = [
        {"b64": base64.b64encode(rng.choice(_images())[1]).decode()} for _ in range(rng.choice((1, 1, 2, 3, 40)))
    ]
    tensors: list[object] = [_GRID] * rng.choice((1, 2, 3, 40))
    document: dict[str, object] = {rng.choice(("instances", "instances", "inputs")): rng.choice((photos, tensors))}
    for name in rng.choices(tuple(_EXPLAIN_OPTIONS), k=rng.choice((0, 1, 1, 2))):
        document[name] = rng.choice(_EXPLAIN_VALUES)
    return mutated_document(rng, document), []


def _explained_tensor(rng: Random) -> tuple[bytes, list[tuple[str, str]]]:
    data = _saved(_random_array(rng))
    return (_spoiled(rng, data) if rng.random() < 0.5 else data), [("Content-Type", "application/x-npy")]


_BOUNDARIES = (
    "x",
    "----WebKitFormBoundary7MA4YWxkTrZu0gW",
    "a b",
    "-",
    "b" * 70,
    "b" * 71,
    "",
    "\xe9",
    "x; boundary=y",
)
_DISPOSITIONS = (
    *('form-data; name="file"; filename="dog.jpg"', 'form-data; name="file"; filename="dog.jpg"'),
    *('form-data; name="top"', "form-data; filename=x", 'form-data; name="f"; filename="\\'),
    *("attachment", "", ";;=", "form-data;" * 99),
    *("form-data; filename*=UTF-8''x", 'form-data; name=""; filename=""; filename=""', "form-data; name=" + "x" * 9000),
)  # fmt: skip


def _form(rng: Random) -> bytes:
    """A form with a photo, or nearly one."""
    boundary = rng.choice(_BOUNDARIES[:2]) if rng.random() < 0.7 else rng.choice(_BOUNDARIES)
    body = b""
    for _ in range(1 if rng.random() < 0.8 else rng.choice((0, 2, 3, 200))):
        content = rng.choice((rng.choice(_images())[1], b"3", b"", b"\r\n--x" * 99, b"--", rng.randbytes(50)))
        disposition = rng.choice(_DISPOSITIONS[:2] if rng.random() < 0.7 else _DISPOSITIONS)
        head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode("latin-1")
        body += head + content + b"\r\n"
    body += f"--{boundary}--\r\n".encode("latin-1")
    if rng.random() < 0.3:
        body = _spoiled(rng, body)
    media = f"multipart/form-data; boundary={boundary}" if rng.random() < 0.9 else "multipart/form-data"
    model = rng.choice(("dog", "dog", "dog", "convolution"))
    return post(f"/v1/models/{model}:predict{rng.choice(('', '', '?top=3', '?x'))}", body, ("Content-Type", media))


def _spoiled(rng: Random, data: bytes) -> bytes:
    change = rng.randrange(5)
    if change == 0:
        return data[: rng.randrange(len(data) + 1)]
    if change == 1:  # the header is where it hurts
        position = rng.randrange(min(len(data), 130))
        return data[:position] + rng.randbytes(rng.choice((1, 1, 2, 4))) + data[position + 1 :]
    if change == 2:
        words = (
            b"descr",
            b"<f4",
            b"|O",
            b"True",
            b"False",
            b"(1,",
            b"8, 8",
            b"fortran_order",
            b"x.npy",
            b"\x93NUMPY\x01",
        )
        return data.replace(rng.choice(words), rng.choice((*words, b"(-1,", b"99999999999", b"", b"__import__('os')")))
    return _flipped(rng, data)


def _flipped(rng: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3, 10))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


_KINDS = (
    *(_json,) * 12,
    _compressed,
    _compressed,
    _npy,
    _npz,
    _npz,
    _raw,
    _raw,
    _image,
    _unnamed_image,
    _form,
    _explain,
    _explain,
)
