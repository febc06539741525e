"""Models in containers, through the Docker Engine's API; needs the extra `lightship[docker]`."""
