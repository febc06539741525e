"""fsspec's store in the memory of this process, for tests."""

from __future__ import annotations

from typing import Any

from lightship.store.systems.base import StoreSystem


class Memory(StoreSystem):
    """Its buckets are folders, which need not exist."""

    def check_bucket(self, bucket: str) -> None:
        return

    def _connect(self) -> Any:
        import fsspec  # type: ignore[import-untyped]

        return fsspec.get_filesystem_class("memory")()
