"""Benchmarks: each module here is one, run by `script/bench NAME`; `rig` is what they are made with."""
