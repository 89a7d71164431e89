"""Compiles every template of the project, to find syntax errors before somebody opens the page."""

import sys
from pathlib import Path

import django
from django.apps import apps
from django.conf import settings
from django.template import TemplateSyntaxError, engines


def main() -> int:
    django.setup()
    apps_of_project = [Path(app.path) for app in apps.get_app_configs() if Path(app.path).parent == settings.BASE_DIR]
    folders = [settings.BASE_DIR / "templates", *(path / "templates" for path in apps_of_project)]
    exit_code = 0
    for file in sorted(file for folder in folders for file in folder.rglob("*") if file.is_file()):
        engine = engines["jinja2" if "jinja2" in file.parts else "django"]
        try:
            engine.from_string(file.read_text("utf-8"))
        except TemplateSyntaxError as error:
            exit_code = 1
            print(f"{file}: {error}", file=sys.stderr)  # noqa: T201
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
