from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class AcceptedRequest(models.Model):
    """A request that was carried out under a `request_id`, and its result: a repetition gets the same."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    request_id = models.CharField(max_length=200)
    digest = models.CharField(max_length=64, help_text="A hash of the method and its params.")
    result = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "request_id"], name="accepted_request_once_per_user")]

    def __str__(self) -> str:
        return self.request_id
