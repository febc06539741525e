"""Several processes that serve the same models on the same sockets, and the supervisor that leads them.

The supervisor opens the sockets, watches the models' folders and decides which versions are loaded. Each worker loads
what it is told, answers calls, and asks the supervisor for what concerns all of them: reloads and metrics.
"""
