from __future__ import annotations

import pytest

from lightship.errors import TooLarge
from lightship.transports.http.limits import Limits


def test_an_image_has_its_own_limit() -> None:
    limits = Limits(image=1, json=2)
    assert (limits.of("Image/JPEG"), limits.of("application/json"), limits.of("")) == (1, 2, 2)


def test_a_form_has_that_of_an_image_and_a_little_for_what_is_around_it() -> None:
    limits = Limits(image=1, json=1 << 30)
    assert limits.of("Multipart/Form-Data; boundary=x") == 1 + (64 << 10)
    assert limits.least == 1
    assert Limits(image=10, json=10, form=5).least == 5
    assert Limits(image=10, json=10, form=5).of("multipart/form-data") == 5
    limits.check_image(1)
    with pytest.raises(TooLarge, match="The image has 2 bytes; the limit is 1"):
        limits.check_image(2)
