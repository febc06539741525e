"""Models in containers, through the Docker Engine's API; needs the extra `lightship[docker]`."""

from lightship.docker.handle import Container, Status, logs, status, stop
from lightship.docker.starting import start

__all__ = ["Container", "Status", "logs", "start", "status", "stop"]
