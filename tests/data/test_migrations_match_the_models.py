from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.django_db
def test_no_model_has_changed_since_the_last_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.only_on("sqlite")
def test_migrating_an_empty_database_creates_the_tables_of_all_models(tmp_path: Path) -> None:
    database = tmp_path / "empty.sqlite3"
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{database}", "DJANGO_SETTINGS_MODULE": "chatsite.settings"}
    subprocess.run(command, cwd=PROJECT, env=environment, check=True)
    with sqlite3.connect(database) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    assert {model._meta.db_table for model in apps.get_models(include_auto_created=True)} <= tables
