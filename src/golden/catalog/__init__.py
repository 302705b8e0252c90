"""References, versions, images, publications and channels: what exists, written last and unwritten first."""

from golden.catalog.catalog import Catalog
from golden.catalog.payloads import Payloads

__all__ = ["Catalog", "Payloads"]
