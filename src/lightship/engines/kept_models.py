"""Keeps what a server needs to know of a SavedModel in the cache, because reading its graph takes long."""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from google.protobuf.message import DecodeError

from lightship import protos
from lightship.engines.cache import CompiledCache
from lightship.engines.cache_keys import cache_key
from lightship.errors import LightshipError
from lightship.saved_model.digests import Digests
from lightship.saved_model.graph_state import Changes
from lightship.saved_model.reader import SavedModel, parse_saved_model, read_saved_model, saved_model_bytes
from lightship.saved_model.signatures import Signature, TensorSpec
from lightship.saved_model.versions import SAVED_MODEL_FILE
from lightship.tensors.dtypes import DataType

logger = logging.getLogger(__name__)


class KeptModels:
    """Reads the SavedModel of one version folder, or takes what was read before from the cache.

    An entry belongs to the sha256 of `saved_model.pb`, so it is never used for another graph.
    """

    def __init__(self, cache: CompiledCache, digests: Digests) -> None:
        self._cache, self._digests = cache, digests

    def read(self, folder: Path, tags: Collection[str]) -> SavedModel:
        """Returns the graph with these tags. Raises the errors of `read_saved_model`."""
        try:
            digest = self._digests.of(SAVED_MODEL_FILE).sha256
        except (LightshipError, OSError):  # saved_model.pbtxt, or a file that cannot be read
            return read_saved_model(folder, tags)
        key = _key(digest, tags)
        entry = self._cache.get(key)
        if entry is not None:
            try:
                return model_of_json(entry.info)
            except (KeyError, TypeError, ValueError, DecodeError) as error:
                logger.warning("what is known of %s in the cache cannot be read (%r)", folder, error)
                self._cache.forget(key)
        return self._read_and_keep(folder, tags)

    def _read_and_keep(self, folder: Path, tags: Collection[str]) -> SavedModel:
        data = saved_model_bytes(folder)
        model = parse_saved_model(data, folder, tags)
        # The key is that of the bytes that were read, because the file may have changed since its digest was computed.
        key = _key(hashlib.sha256(data).hexdigest(), tags)
        with self._cache.workplace() as work:
            self._cache.put(key, model_as_json(model), work)
        return model


def _key(digest: str, tags: Collection[str]) -> str:
    return cache_key({"saved_model": digest, "tags": list(tags)})


def model_as_json(model: SavedModel) -> dict[str, Any]:
    """Returns a JSON object from which `model_of_json` makes an equal model."""
    return {
        "signatures": [_signature_as_json(signature) for signature in model.signatures.values()],
        "operations": sorted(model.operations),
        "tensorflow_version": model.tensorflow_version,
        "writers": sorted(model.changes.writers),
        "readers": sorted(model.changes.readers),
        "tags": list(model.tags),
        "placeholders": {name: int(dtype) for name, dtype in model.placeholders.items()},
    }


def model_of_json(fields: Mapping[str, Any]) -> SavedModel:
    """Returns the model that `model_as_json` wrote. Raises KeyError, TypeError, ValueError or DecodeError otherwise."""
    signatures = [_signature_of_json(one) for one in fields["signatures"]]
    return SavedModel(
        signatures=MappingProxyType({signature.name: signature for signature in signatures}),
        operations=frozenset(fields["operations"]),
        tensorflow_version=fields["tensorflow_version"],
        changes=Changes(frozenset(fields["writers"]), frozenset(fields["readers"])),
        tags=tuple(fields["tags"]),
        placeholders={name: DataType(dtype) for name, dtype in fields["placeholders"].items()},
    )


def _signature_as_json(signature: Signature) -> dict[str, Any]:
    return {
        "name": signature.name,
        "method_name": signature.method_name,
        "inputs": [_spec_as_json(spec) for spec in signature.inputs.values()],
        "outputs": [_spec_as_json(spec) for spec in signature.outputs.values()],
        "definition": base64.b64encode(signature.definition.SerializeToString()).decode(),
        "tags": list(signature.tags),
        "alone": signature.alone,
    }


def _signature_of_json(fields: Mapping[str, Any]) -> Signature:
    return Signature(
        name=fields["name"],
        method_name=fields["method_name"],
        inputs=_specs_of_json(fields["inputs"]),
        outputs=_specs_of_json(fields["outputs"]),
        definition=protos.SignatureDef.FromString(base64.b64decode(fields["definition"], validate=True)),
        tags=tuple(fields["tags"]),
        alone=fields["alone"],
    )


def _spec_as_json(spec: TensorSpec) -> list[Any]:
    shape = None if spec.shape is None else list(spec.shape)
    fed = None if spec.fed is None else int(spec.fed)
    return [spec.name, int(spec.dtype), shape, spec.tensor, fed, spec.replaces_default]


def _specs_of_json(listed: list[list[Any]]) -> Mapping[str, TensorSpec]:
    specs = (
        TensorSpec(
            name,
            DataType(dtype),
            None if shape is None else tuple(shape),
            tensor,
            None if fed is None else DataType(fed),
            replaces_default,
        )
        for name, dtype, shape, tensor, fed, replaces_default in listed
    )
    return MappingProxyType({spec.name: spec for spec in specs})
