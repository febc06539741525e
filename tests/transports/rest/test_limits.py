from __future__ import annotations

from lightship.transports.http.limits import Limits


def test_an_image_has_its_own_limit() -> None:
    limits = Limits(image=1, json=2)
    assert (limits.of("Image/JPEG"), limits.of("application/json"), limits.of("")) == (1, 2, 2)
