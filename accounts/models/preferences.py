from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.utils.translation import pgettext_lazy

from accounts.models.user import User


class Preferences(models.Model):
    """A user's settings for pages and answers."""

    MAX_INSTRUCTIONS_LENGTH = 10_000

    class Theme(models.TextChoices):
        SYSTEM = "system", pgettext_lazy("theme", "System")
        LIGHT = "light", pgettext_lazy("theme", "Light")
        DARK = "dark", pgettext_lazy("theme", "Dark")

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="preferences")
    theme = models.CharField(max_length=6, choices=Theme.choices, default=Theme.SYSTEM)
    language = models.CharField(max_length=20, blank=True, default="", help_text="Empty: the browser's language.")
    time_zone = models.CharField(max_length=50, blank=True, default="", help_text="Empty: the browser's time zone.")
    browser_time_zone = models.CharField(
        max_length=50, blank=True, default="", help_text="As last reported by the browser."
    )
    default_model = models.CharField(max_length=200, blank=True, default="")
    about = models.TextField(
        blank=True, default="", help_text="About the user. Included in every model's instructions."
    )
    how_to_answer = models.TextField(blank=True, default="", help_text="Included in every model's instructions.")

    class Meta:
        verbose_name_plural = "preferences"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(theme__in=["system", "light", "dark"]), name="preferences_theme_known"
            )
        ]

    def __str__(self) -> str:
        return f"Preferences of {self.user_id}"

    @classmethod
    def for_user(cls, user: User) -> Preferences:
        """Returns the user's stored preferences, or else unsaved defaults."""
        try:
            return user.preferences
        except cls.DoesNotExist:
            return cls(user=user)

    @property
    def tzinfo(self) -> datetime.tzinfo:
        """The chosen time zone, else the browser's, else UTC. Also UTC if the name is not valid."""
        name = self.time_zone or self.browser_time_zone
        try:
            return ZoneInfo(name) if name else datetime.UTC
        except (KeyError, ValueError, OSError):
            return datetime.UTC
