from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class TokenUsage(models.Model):
    """The tokens and times of one model call. The row stays when its run, conversation or user is deleted."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="token_usage", db_index=False
    )
    run = models.ForeignKey("Run", models.SET_NULL, null=True, related_name="token_usage", db_index=False)
    conversation = models.ForeignKey("Conversation", models.SET_NULL, null=True, related_name="token_usage")
    model = models.CharField(max_length=200)
    attempt = models.PositiveIntegerField(default=1)
    iteration = models.PositiveIntegerField()
    retry = models.PositiveIntegerField(default=0, help_text="Number of interrupted calls that this one repeats.")
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    reasoning_tokens = models.PositiveIntegerField(default=0, help_text="Part of the completion tokens.")
    cached_tokens = models.PositiveIntegerField(default=0, help_text="Part of the prompt tokens.")
    estimated = models.BooleanField(
        default=False, help_text="The server reported no counts, so they are estimated from the text."
    )
    first_token_ms = models.PositiveIntegerField(null=True, blank=True)
    total_ms = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "token usage"
        verbose_name_plural = "token usage"
        indexes = [
            models.Index(fields=["user", "-created_at"], name="usage_by_user"),
            models.Index(fields=["model", "-created_at"], name="usage_by_model"),
            models.Index(fields=["-created_at"], name="usage_newest"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["run", "attempt", "iteration", "retry"], name="usage_once_per_model_call")
        ]

    def __str__(self) -> str:
        return f"{self.model}: {self.prompt_tokens} + {self.completion_tokens}"
