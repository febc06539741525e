"""Runs code in a notebook's kernel, and prints what the notebook would show: `python -m tests.packaging.notebook CODE`.

Each line is a JSON list: the name of a stream and its text, or "error" and the traceback.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from jupyter_client.manager import KernelManager

SECONDS = 240


def show(message: dict[str, Any]) -> None:
    content = message["content"]
    if message["msg_type"] == "stream":
        print(json.dumps([content["name"], content["text"]]), flush=True)
    elif message["msg_type"] == "error":
        print(json.dumps(["error", "\n".join(content["traceback"])]), flush=True)
    elif message["msg_type"] in ("display_data", "execute_result"):
        print(json.dumps(["result", content["data"].get("text/plain", "")]), flush=True)


def main() -> None:
    # Its ports would be chosen some time before the kernel listens on them; another process could take one meanwhile.
    kernel = KernelManager(kernel_name="python3", transport="ipc")
    kernel.start_kernel()
    client = kernel.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=SECONDS)
        client.execute_interactive(sys.argv[1], timeout=SECONDS, output_hook=show)
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)


if __name__ == "__main__":
    main()
