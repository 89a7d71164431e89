"""Every setting, read once from the environment or `.env`. docs/configuration.md says what each is for."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf.locale import LANG_INFO
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import to_language

from chatsite import __version__, databases
from chatsite.environment import Environment, is_wildcard

BASE_DIR = Path(__file__).resolve().parent.parent
ENV_FILE = BASE_DIR / os.environ.get("ENV_FILE", ".env")

VERSION = __version__

env = Environment(ENV_FILE)

SECRET_KEY = env.secret("SECRET_KEY")
DEBUG = env.flag("DEBUG", default=False)
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])

# Where it is reached
HOST = env.host("HOST", "127.0.0.1")
PORT = env.count("PORT", 8000, minimum=0, maximum=65_535)
PUBLIC_URL = env.origin("PUBLIC_URL")
EXTRA_HOSTS = env.hosts("ALLOWED_HOSTS")

# Where things are kept
VAR_DIR = env.path("VAR_DIR", "var", base=BASE_DIR)
DATABASE = env.database("DATABASE_URL", default=VAR_DIR / "chatsite.sqlite3", base=BASE_DIR)
DATABASE_POOL_SIZE = env.count("DATABASE_POOL_SIZE", 10, minimum=1, maximum=1_000)

# How processes find each other
REDIS_URL = env.redis("REDIS_URL")

# The model
LLM_BASE_URL = env.url("LLM_BASE_URL")
LLM_API_KEY = env.secret("LLM_API_KEY")
LLM_MODELS = env.names("LLM_MODEL")
LLM_THINKING_STYLE = env.choice(
    "LLM_THINKING_STYLE",
    "none",
    ["none", "thinking", "enable_thinking", "chat_template_kwargs", "reasoning_effort"],
)
LLM_THINKING_FIELD = env.choice("LLM_THINKING_FIELD", "reasoning_content", ["reasoning_content", "reasoning", "none"])
LLM_MAX_TOKENS_FIELD = env.choice("LLM_MAX_TOKENS_FIELD", "max_tokens", ["max_tokens", "max_completion_tokens"])
LLM_EMPTY_CONTENT = env.choice("LLM_EMPTY_CONTENT", "null", ["null", "empty"])
LLM_EXTRA_HEADERS = env.headers("LLM_EXTRA_HEADERS")
LLM_EXTRA_BODY = env.json_object("LLM_EXTRA_BODY", reserved=["model", "messages", "stream", "tools"])
LLM_CONTEXT_WINDOW = env.count("LLM_CONTEXT_WINDOW", 32_768, minimum=1_024, maximum=100_000_000)
LLM_CONNECT_TIMEOUT = env.seconds("LLM_CONNECT_TIMEOUT", 10)
LLM_FIRST_TOKEN_TIMEOUT = env.seconds("LLM_FIRST_TOKEN_TIMEOUT", 120)
LLM_IDLE_TIMEOUT = env.seconds("LLM_IDLE_TIMEOUT", 60)
LLM_TIMEOUT = env.seconds("LLM_TIMEOUT", 900)
LLM_RETRIES = env.count("LLM_RETRIES", 2, minimum=0, maximum=20)

# Runs and tools
MAX_ITERATIONS = env.count("MAX_ITERATIONS", 20, minimum=1, maximum=1_000)
TOOL_MAX_WORKERS = env.count("TOOL_MAX_WORKERS", 8, minimum=1, maximum=64)
TOOL_TIMEOUT = env.seconds("TOOL_TIMEOUT", 60)
TOOL_RESULT_LIMIT = env.count("TOOL_RESULT_LIMIT", 50_000, minimum=1_000, maximum=10_000_000)
RUN_CUT_RETRIES = env.count("RUN_CUT_RETRIES", 0, minimum=0, maximum=20)
RUN_MAX_ATTEMPTS = env.count("RUN_MAX_ATTEMPTS", 3, minimum=1, maximum=100)
RUN_HEARTBEAT = env.seconds("RUN_HEARTBEAT", 10, maximum=3_600)
SHUTDOWN_GRACE = env.seconds("SHUTDOWN_GRACE", 5, maximum=3_600)

# What pages load from elsewhere
IMAGE_HOSTS = env.hosts("IMAGE_HOSTS")

# What one person may do
LIMIT_CONNECTIONS_PER_USER = env.count("LIMIT_CONNECTIONS_PER_USER", 50, minimum=1, maximum=100_000)
LIMIT_RUNS_PER_USER = env.count("LIMIT_RUNS_PER_USER", 5, minimum=1, maximum=100_000)
LIMIT_FRAMES_PER_SECOND = env.count("LIMIT_FRAMES_PER_SECOND", 50, minimum=1, maximum=100_000)

if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set: run script/server, which makes one and keeps it in .env, or set a long random text"
    )

# What follows from these

PUBLIC_HOST = urlsplit(PUBLIC_URL).hostname or ""
IS_HTTPS = PUBLIC_URL.startswith("https://")
OWN_HOSTS = [f"[{host}]" if ":" in host else host for host in (PUBLIC_HOST, "" if is_wildcard(HOST) else HOST) if host]
ALLOWED_HOSTS = list(dict.fromkeys(["localhost", "127.0.0.1", "[::1]", *OWN_HOSTS, *EXTRA_HOSTS]))
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []
DATABASE_FOLDER = DATABASE.parent if isinstance(DATABASE, Path) else None
DATABASE_SECRETS = [] if isinstance(DATABASE, Path) else [DATABASE.get(n, "") for n in ("password", "sslpassword")]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
# Sending people on to https, and telling browsers to stay there, is for the proxy that has the certificate.
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008"]

INSTALLED_APPS = [
    "chatsite",
    "servestatic",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "tools",
    "accounts",
    "conversations",
]
if sys.argv[1:2] == ["runserver"]:
    # Daphne's own runserver. Never otherwise: importing Daphne installs Twisted's reactor, also under other servers.
    INSTALLED_APPS.insert(0, "daphne")

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "chatsite.middleware.content_security_policy",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # adds random bytes, so that lengths tell nothing (BREACH)
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.PreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "chatsite.urls"
ASGI_APPLICATION = "chatsite.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates" / "jinja2"],
        "OPTIONS": {"environment": "conversations.web.markup.environment"},
    },
]

DATABASES: dict[str, dict[str, Any]] = {
    "default": databases.sqlite(DATABASE, test_file=VAR_DIR / "test.sqlite3")
    if isinstance(DATABASE, Path)
    else databases.postgresql(DATABASE, DATABASE_POOL_SIZE, max_idle_in_transaction=RUN_HEARTBEAT)
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SESSION_ENGINE = "accounts.sessions"
AUTHENTICATION_BACKENDS = ["accounts.sessions.PreferencesBackend"]
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Messages between processes. Tokens do not travel by it, and connections do not listen on it.
CHANNEL_LAYERS = (
    {"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}}
    if REDIS_URL
    else {}
)

# What is counted for a few minutes
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "chatsite",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
# A folder here is a language. Compiled, they are read from LOCALE_PATHS.
CATALOGS = BASE_DIR / "locale"
LOCALE_PATHS = [VAR_DIR / "locale"]
TRANSLATED = sorted(to_language(file.parent.parent.name) for file in CATALOGS.glob("*/LC_MESSAGES/django.po"))
LANGUAGES = [("en", "English"), *((code, LANG_INFO[code]["name_local"]) for code in TRANSLATED)]

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
NODE_MODULES = BASE_DIR / "node_modules"
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "chatsite.npm_files.NpmFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "chatsite.static_files.StaticFilesStorage"
    },
}
SERVESTATIC_ALLOW_ALL_ORIGINS = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "chatsite.logs.RedactingFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s: %(message)s",
            "secrets": [SECRET_KEY, *DATABASE_SECRETS, REDIS_URL, LLM_API_KEY],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "channels_redis": {
            "level": "CRITICAL"
        },  # while Redis is away, a trace every second: runner/cluster/inbox.py logs it
    },
}
