"""The C extension `_native` as `native`, or None if there was no C compiler when the package was built."""

from __future__ import annotations

import os
from types import ModuleType

native: ModuleType | None
try:
    from lightship.transports.access_log import _native
except ImportError:
    native = None
else:
    native = _native
    _native.seed_ids(os.urandom(16))
