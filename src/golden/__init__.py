"""golden: golden OS images whose reference is never generalized."""

__version__ = "0.1.0"
