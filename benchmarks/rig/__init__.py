"""What the benchmarks are made with: a model server, clients, bare servers to compare with, meters and the report."""
