"""Google Cloud Storage."""

from __future__ import annotations

import os
from typing import Any

from lightship.store.systems.base import StoreSystem


class GoogleCloudStorage(StoreSystem):
    """Listed as fsspec does it, which ends at the time limit, not at a number of entries.

    gcsfs's usual class asks Google over gRPC what kind of bucket it is, and waits for a minute where there is only the
    JSON API: in emulators, and in other servers that the environment names. There its base class is enough.
    """

    def _connect(self) -> Any:
        import gcsfs  # type: ignore[import-untyped]

        emulator = os.environ.get("STORAGE_EMULATOR_HOST")
        other = emulator or os.environ.get("FSSPEC_GCS_ENDPOINT_URL")
        kind = gcsfs.core.GCSFileSystem if other else gcsfs.GCSFileSystem
        return self._connected_by(kind, **({"token": "anon"} if emulator else {}))
