"""Queries that read conversations and runs. Lists and long texts are read a page at a time."""
