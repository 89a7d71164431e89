from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class AcceptedRequest(models.Model):
    """The result of a request with a `request_id`. A repetition of the request gets the same result."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    request_id = models.CharField(max_length=200)
    digest = models.CharField(max_length=64, help_text="A hash of the method and its params.")
    result = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "request_id"], name="accepted_request_once_per_user")]

    def __str__(self) -> str:
        return self.request_id
