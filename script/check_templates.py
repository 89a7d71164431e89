"""Compiles every template of the project, so that a wrong tag is found before somebody opens the page."""

import sys
from pathlib import Path

import django
from django.apps import apps
from django.conf import settings
from django.template import TemplateSyntaxError, engines


def main() -> int:
    django.setup()
    engine, jinja = engines["django"], engines["jinja2"]
    folders = [settings.BASE_DIR / "templates"]
    folders += [Path(app.path) / "templates" for app in apps.get_app_configs() if is_ours(Path(app.path))]
    failed = False
    for file in sorted(file for folder in folders for file in folder.rglob("*") if file.is_file()):
        try:
            (jinja if "jinja2" in file.parts else engine).from_string(file.read_text("utf-8"))
        except TemplateSyntaxError as error:
            failed = True
            print(f"{file}: {error}", file=sys.stderr)  # noqa: T201
    return int(failed)


def is_ours(folder: Path) -> bool:
    return folder.parent == settings.BASE_DIR


if __name__ == "__main__":
    sys.exit(main())
