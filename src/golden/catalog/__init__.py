"""References, versions, images, publications and channels: what exists, written last and unwritten first."""

from golden.catalog.catalog import Catalog

__all__ = ["Catalog"]
