import logging

from django.apps import AppConfig
from django.conf import settings

from chatsite.translations import compile_translations

logger = logging.getLogger(__name__)


class ChatsiteConfig(AppConfig):
    name = "chatsite"

    def ready(self) -> None:
        from chatsite import checks  # noqa: F401 - registers them

        try:
            settings.VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
            compile_translations(settings.CATALOGS, settings.LOCALE_PATHS[0])
        except OSError as error:
            logger.warning("There are no translations, because VAR_DIR cannot be written: %s", error)
