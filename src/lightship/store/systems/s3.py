"""Amazon S3, and servers with its API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lightship.store.systems.base import StoreSystem

_BOTOCORE = {"connect_timeout": 10, "read_timeout": 30, "retries": {"max_attempts": 1}}
_ENCRYPTED = ("SSECustomerAlgorithm", "SSEKMSKeyId")


class S3(StoreSystem):
    """Lists by `lsdir`, which stops at a number of entries. `ls` lists the folder above too, if there is nothing."""

    def entries(self, folder: str, most: int) -> Iterable[Mapping[str, Any]]:
        return self._listed(folder, most, "/")

    def objects(self, folder: str, most: int) -> Iterable[Mapping[str, Any]]:
        return self._listed(folder, most, "")

    def has_md5(self, path: str) -> bool:
        """The tag of an encrypted object may look like an MD5, but it is not that of its content."""
        bucket, _, key = path.partition("/")
        head = self._call("call_s3", "head_object", Bucket=bucket, Key=key)
        return not any(head.get(field) for field in _ENCRYPTED)

    def check_bucket(self, bucket: str) -> None:
        """The listing has told."""

    def _connect(self) -> Any:
        import s3fs  # type: ignore[import-untyped]

        return self._connected_by(s3fs.S3FileSystem, config_kwargs=_BOTOCORE)

    def _listed(self, folder: str, most: int, delimiter: str) -> Iterable[Mapping[str, Any]]:
        found: Iterable[Mapping[str, Any]] = self._call("lsdir", folder, True, most, delimiter)
        return found
