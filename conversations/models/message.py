from __future__ import annotations

import uuid
from typing import Any

from django.db import connection, models
from django.utils import timezone


class MessageQuerySet(models.QuerySet["Message"]):
    def branch_ids(self, *, leaf_id: uuid.UUID, limit: int) -> list[uuid.UUID]:
        """Returns up to `limit` ids, from `leaf_id` toward the root. One query, which reads only these rows."""
        table = connection.ops.quote_name(self.model._meta.db_table)
        sql = f"""
            WITH RECURSIVE branch (id, parent_id, depth) AS (
                SELECT id, parent_id, 1 FROM {table} WHERE id = %s
                UNION ALL
                SELECT m.id, m.parent_id, depth + 1 FROM {table} m
                JOIN branch ON m.id = branch.parent_id WHERE depth < %s
            ) SELECT id FROM branch ORDER BY depth
        """  # noqa: S608
        field: Any = self.model._meta.pk
        with connection.cursor() as cursor:
            cursor.execute(sql, [field.get_db_prep_value(leaf_id, connection), limit])
            return [field.to_python(row[0]) for row in cursor.fetchall()]


class Message(models.Model):
    """A question or an answer. The `text` of an answer is that of its last model call; its steps have everything."""

    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"

    class Status(models.TextChoices):
        COMPLETE = "complete"
        STREAMING = "streaming"
        CANCELLED = "cancelled"
        FAILED = "failed"

    class Rating(models.IntegerChoices):
        BAD = -1
        NONE = 0
        GOOD = 1

    MAX_TEXT_LENGTH = 200_000

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey("Conversation", models.CASCADE, related_name="messages", db_index=False)
    parent = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="children")
    role = models.CharField(max_length=9, choices=Role.choices)
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.COMPLETE)
    text = models.TextField(blank=True, default="")
    model = models.CharField(max_length=200, blank=True, default="")
    token_count = models.PositiveIntegerField(default=0)
    rating = models.SmallIntegerField(choices=Rating.choices, default=Rating.NONE)
    rating_comment = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "id"]
        indexes = [
            models.Index(fields=["conversation", "parent", "created_at", "id"], name="message_siblings"),
            models.Index(fields=["-created_at", "-id"], name="message_newest"),
        ]
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=["user", "assistant"]), name="message_role_known"),
            models.CheckConstraint(
                condition=models.Q(status__in=["complete", "streaming", "cancelled", "failed"]),
                name="message_status_known",
            ),
            models.CheckConstraint(condition=models.Q(rating__in=[-1, 0, 1]), name="message_rating_known"),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.pk}"
