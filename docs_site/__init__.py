"""What the documentation's site is built with: `mkdocs.yml` names the hooks, and these make the generated sections."""
