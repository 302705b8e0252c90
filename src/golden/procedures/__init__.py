"""What golden does: each procedure reads like the thing it does."""
