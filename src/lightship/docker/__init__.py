"""Serves models from containers through the Docker Engine's API. Needs the extra `lightship[docker]`."""

from lightship.docker.baking import BakedImage, build
from lightship.docker.build_plan import BuildPlan, plan_build
from lightship.docker.handle import Container, Status, logs, status, stop
from lightship.docker.starting import start

__all__ = ["BakedImage", "BuildPlan", "Container", "Status", "build", "logs", "plan_build", "start", "status", "stop"]
