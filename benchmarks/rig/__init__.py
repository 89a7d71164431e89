"""Shared parts of the benchmarks: a model server, clients, bare servers for comparison, measurements and reports."""
