from __future__ import annotations

from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.utils.translation import pgettext_lazy

from accounts.models.user import User


class Preferences(models.Model):
    """What is ours about a person."""

    INSTRUCTIONS_LENGTH = 10_000

    class Theme(models.TextChoices):
        SYSTEM = "system", pgettext_lazy("theme", "System")
        LIGHT = "light", pgettext_lazy("theme", "Light")
        DARK = "dark", pgettext_lazy("theme", "Dark")

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="preferences")
    theme = models.CharField(max_length=6, choices=Theme.choices, default=Theme.SYSTEM)
    language = models.CharField(max_length=20, blank=True, default="", help_text="Empty: as the browser asks.")
    time_zone = models.CharField(max_length=50, blank=True, default="", help_text="Empty: as the browser says.")
    browser_time_zone = models.CharField(max_length=50, blank=True, default="", help_text="As the browser said last.")
    default_model = models.CharField(max_length=200, blank=True, default="")
    about = models.TextField(blank=True, default="", help_text="What every model is told of the person who asks.")
    how_to_answer = models.TextField(blank=True, default="", help_text="Told to every model.")

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
    def of(cls, user: User) -> Preferences:
        """The person's; those of whoever has set none, not stored yet."""
        try:
            return user.preferences
        except cls.DoesNotExist:
            return cls(user=user)

    @property
    def zone(self) -> tzinfo:
        """The one chosen, else the browser's; UTC if there is no such zone."""
        name = self.time_zone or self.browser_time_zone
        try:
            return ZoneInfo(name) if name else UTC
        except (KeyError, ValueError, OSError):
            return UTC
