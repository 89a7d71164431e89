from __future__ import annotations

from django.db import models


class Step(models.Model):
    """A part of an answer: thinking, text, a tool call or a tool result. `index` orders the steps of a message.

    `content` is the text of the model or the tool. It is empty in a tool call, whose text is `arguments`. `size` is
    the number of characters of either. `html` is the sanitized rendering of a finished text, stored when a page first
    shows it.
    """

    class Type(models.TextChoices):
        THINKING = "thinking"
        TEXT = "text"
        TOOL_CALL = "tool_call"
        TOOL_RESULT = "tool_result"

    class Status(models.TextChoices):
        STREAMING = "streaming"
        AWAITING_APPROVAL = "awaiting_approval"
        RUNNING = "running"
        FINISHED = "finished"

    message = models.ForeignKey("Message", models.CASCADE, related_name="steps", db_index=False)
    index = models.PositiveIntegerField()
    iteration = models.PositiveIntegerField(default=0)
    type = models.CharField(max_length=11, choices=Type.choices)
    content = models.TextField(blank=True, default="")
    size = models.PositiveIntegerField(default=0)
    html = models.TextField(null=True, blank=True, editable=False)  # noqa: DJ001
    duration = models.FloatField(null=True, blank=True, help_text="Seconds, of a finished thinking step.")

    id_ref = models.CharField(max_length=200, blank=True, default="", help_text="The id of the tool call.")
    name = models.CharField(max_length=200, blank=True, default="")
    arguments = models.TextField(blank=True, default="")
    status = models.CharField(max_length=17, choices=Status.choices, blank=True, default="")
    success = models.BooleanField(null=True, blank=True)
    skipped = models.BooleanField(default=False)
    execution_time = models.FloatField(null=True, blank=True, help_text="Seconds.")

    class Meta:
        ordering = ["message", "index"]
        constraints = [
            models.UniqueConstraint(fields=["message", "index"], name="step_index_once_per_message"),
            models.CheckConstraint(
                condition=models.Q(type__in=["thinking", "text", "tool_call", "tool_result"]), name="step_type_known"
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["", "streaming", "awaiting_approval", "running", "finished"]),
                name="step_status_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.index}"
