"""The kinds of work of calls. Each has threads of its own, so that slow work never takes all of them."""

from __future__ import annotations

SMALL = "small"  # bodies and messages that are read in little time
LARGE = "large"  # long ones, and compressed ones, which may be long
IMAGES = "images"  # encoded images, as a body, in JSON or in a message
EXPLANATIONS = "explanations"  # of images, which take as long or longer

MAX_SMALL_BYTES = 64 << 10  # a JSON body of this size is read in a few milliseconds, whatever is in it
