"""What POST does: `:predict`, `:classify`, `:regress`, from a request to its answer."""
