"""The server's side of HTTP/2 (RFC 9113) on asyncio. Knows no API: an `Application` answers the streams."""
