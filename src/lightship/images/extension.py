"""The C extension `_native` as `native`, or None if there was no C compiler when the package was built.

`reads_jpeg` says whether it found the libjpeg that Pillow itself uses, with the interface that it knows.
"""

from __future__ import annotations

from types import ModuleType

from PIL import _imaging

native: ModuleType | None
reads_jpeg = False
try:
    from lightship.images import _native
except ImportError:
    native = None
else:
    native = _native
    reads_jpeg = _imaging.__file__ is not None and _native.attach(_imaging.__file__)
