"""Hides scikit-learn from Keras in every Python that has this folder in PYTHONPATH. See tests/conftest.py."""

raise ModuleNotFoundError("No module named 'sklearn': tests hide it", name="sklearn")
