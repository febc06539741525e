"""The modules of the package tensorflow-serving-api, with the same names."""
