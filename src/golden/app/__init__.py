"""Composition: what the command line (or any other front) can ask golden for, one function a use case."""
