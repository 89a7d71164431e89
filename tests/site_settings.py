"""The product's settings, with an environment of the tests' own: no developer's `.env`, model or database comes in.

Programs that a test starts inherit this environment, and so keep away from them too.
"""

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path

SETTINGS = Path(__file__).resolve().parent.parent / "chatsite" / "settings.py"

for name in re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', SETTINGS.read_text()):
    os.environ.pop(name, None)
    os.environ.pop(f"{name}_FILE", None)

os.environ["ENV_FILE"] = os.devnull
os.environ["SECRET_KEY"] = "only-for-tests-and-for-nothing-else-at-all"
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="chatsite-tests-")
atexit.register(shutil.rmtree, os.environ["VAR_DIR"], ignore_errors=True)

if "TEST_DATABASE_URL" in os.environ:
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]

from chatsite.settings import *  # noqa: E402, F403

os.environ.pop("DATABASE_URL", None)

# What the tests write need not survive a power cut
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    OPTIONS = DATABASES["default"]["OPTIONS"]  # noqa: F405
    OPTIONS["init_command"] = OPTIONS["init_command"].replace("synchronous=FULL", "synchronous=OFF")

# Static files come from their sources: no test needs collectstatic first.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = True

# Signing in is not what the tests measure.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
