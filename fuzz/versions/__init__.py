"""Version folders that are damaged, odd, or written slowly, in the way of a server that is asked meanwhile."""
