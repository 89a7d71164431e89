from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone


class Run(models.Model):
    """The generation of one answer, with the options that it was started with.

    `owner` is the process that generates it, `attempt` counts the owners, `crashes` counts those that did not hand
    it over, and `beat` grows while the owner is alive. Every write of a run's steps, usage or status locks this row
    and requires that owner and attempt are unchanged.
    """

    class Status(models.TextChoices):
        RUNNING = "running"
        AWAITING_APPROVAL = "awaiting_approval"
        COMPLETE = "complete"
        CANCELLED = "cancelled"
        FAILED = "failed"

    LIVE = (Status.RUNNING, Status.AWAITING_APPROVAL)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="runs", db_index=False)
    conversation = models.ForeignKey("Conversation", models.CASCADE, related_name="runs")
    user_message = models.ForeignKey("Message", models.CASCADE, related_name="+")
    message = models.OneToOneField("Message", models.CASCADE, related_name="run", help_text="The answer.")
    project = models.ForeignKey("Project", models.SET_NULL, null=True, blank=True, related_name="+")

    model = models.CharField(max_length=200)
    tools = models.JSONField(null=True, blank=True)
    tool_choice = models.JSONField(null=True, blank=True)
    tools_enabled = models.BooleanField(default=True)
    thinking_enabled = models.BooleanField(default=True)
    temperature = models.FloatField(null=True, blank=True)
    max_tokens = models.PositiveIntegerField(null=True, blank=True)

    status = models.CharField(max_length=17, choices=Status.choices, default=Status.RUNNING)
    iteration = models.PositiveIntegerField(default=0, help_text="Number of finished model calls.")
    cancel_requested = models.BooleanField(default=False)
    owner = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001
    attempt = models.PositiveIntegerField(default=1)
    crashes = models.PositiveIntegerField(
        default=0, help_text="Attempts whose process ended without handing the run over."
    )
    beat = models.PositiveBigIntegerField(default=0)

    finish_reason = models.CharField(max_length=14, blank=True, default="")
    error_code = models.CharField(max_length=30, blank=True, default="")
    error_content = models.TextField(blank=True, default="")
    error_retryable = models.BooleanField(default=False)
    error_retry_after = models.FloatField(null=True, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    suggested_title = models.CharField(  # noqa: DJ001  null if the run gave none
        max_length=200, null=True, blank=True, help_text="The title that the run gave its conversation."
    )
    started_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["status", "-started_at"], name="run_by_status"),
            models.Index(fields=["user", "-started_at"], name="run_by_user"),
            models.Index(fields=["-started_at"], name="run_newest"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["conversation"],
                condition=models.Q(status__in=["running", "awaiting_approval"]),
                name="run_live_once_per_conversation",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["running", "awaiting_approval", "complete", "cancelled", "failed"]),
                name="run_status_known",
            ),
        ]

    def __str__(self) -> str:
        return f"Run {self.pk} ({self.status})"
