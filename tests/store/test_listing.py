"""What a store lists of a version, and what is refused."""

from __future__ import annotations

import pytest

from lightship.errors import InvalidArgument
from lightship.store.listing import MAX_OBJECTS, version_listing


def test_a_list_that_ends_at_the_limit_is_refused_also_if_a_folder_is_in_it() -> None:
    listed = [{"name": "b/m/1/", "size": 0}, *({"name": f"b/m/1/{n}", "size": 1} for n in range(MAX_OBJECTS))]

    with pytest.raises(InvalidArgument, match="s3://b/m/1 has more than 10000 objects"):
        version_listing("place", 1, "b/m/1", listed, "s3://b/m")
    assert len(version_listing("place", 1, "b/m/1", listed[:-1], "s3://b/m").objects) == MAX_OBJECTS - 1
