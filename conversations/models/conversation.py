from __future__ import annotations

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone


class Conversation(models.Model):
    """A tree of messages; the branch that ends in `leaf` is the active one."""

    MAX_TITLE_LENGTH = 200

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="conversations", db_index=False)
    project = models.ForeignKey("Project", models.SET_NULL, null=True, blank=True, related_name="conversations")
    leaf = models.ForeignKey("Message", models.SET_NULL, null=True, blank=True, related_name="+")
    title = models.CharField(max_length=MAX_TITLE_LENGTH, blank=True, default="")
    model = models.CharField(max_length=200, null=True, blank=True, help_text="Empty: the default model.")  # noqa: DJ001
    system_prompt = models.TextField(blank=True, default="")
    temperature = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(2)])
    max_tokens = models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)])
    thinking_enabled = models.BooleanField(default=True)
    tools = models.JSONField(
        null=True, blank=True, help_text="Names of the tools that it may use. Empty: all tools that its owner may use."
    )
    pinned = models.BooleanField(default=False)
    archived = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False, help_text="The last activity.")

    class Meta:
        indexes = [
            models.Index(fields=["owner", "archived", "-updated_at", "-id"], name="conversation_newest"),
            models.Index(
                fields=["owner", "archived", "-pinned", "-updated_at", "-id"], name="conversation_pinned_first"
            ),
            models.Index(fields=["owner", "project", "-updated_at", "-id"], name="conversation_in_project"),
        ]

    def __str__(self) -> str:
        return self.title or f"Conversation {self.pk}"
