"""HTTP/1.1 on asyncio: connections, limits, timeouts and executors. Knows no API; that is an `Application`."""
