from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models


class Project(models.Model):
    """A group of conversations that share instructions and files."""

    MAX_NAME_LENGTH = 200

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="projects", db_index=False)
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    instructions = models.TextField(
        blank=True, default="", help_text="Sent to the model in every conversation of this project."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["owner", "-created_at", "-id"], name="project_newest")]

    def __str__(self) -> str:
        return self.name
