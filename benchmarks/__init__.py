"""Benchmarks. `script/bench NAME` runs the module of that name; `rig` contains what they share."""
