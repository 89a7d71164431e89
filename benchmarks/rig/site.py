"""Sets up Django in this process with a temporary database. Must be imported before any model."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from benchmarks.rig.programs import product_environment

VAR_DIR = Path(tempfile.mkdtemp(prefix="chatsite-benchmark-"))
atexit.register(shutil.rmtree, VAR_DIR, ignore_errors=True)

settings = product_environment(VAR_DIR)
os.environ.clear()
os.environ.update(settings)

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402

call_command("migrate", interactive=False, verbosity=0)
