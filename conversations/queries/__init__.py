"""Reading what is stored, a page at a time."""
