"""An HTTP/1.1 server on asyncio: connections, limits, timeouts and executors. An `Application` answers the requests."""
