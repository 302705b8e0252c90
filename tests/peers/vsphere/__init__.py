"""A vCenter to test against: govmomi's simulator behind a proxy of ours (README.md)."""
