"""Models in object stores: lists them, copies their versions into a cache, and offers what is complete.

Import from its modules: commands need its URLs, and not all that reads stores.
"""
