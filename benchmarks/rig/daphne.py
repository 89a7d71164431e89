"""Runs Daphne on the same event loop as chatsite.server: `python -m benchmarks.rig.daphne OPTIONS APPLICATION`."""

from __future__ import annotations

from chatsite.event_loop import install_reactor

if __name__ == "__main__":
    install_reactor()

    from daphne.cli import CommandLineInterface

    CommandLineInterface.entrypoint()
