from __future__ import annotations

from datetime import timedelta

from django.db import connection, models
from django.utils import timezone

FORGOTTEN_AFTER = timedelta(days=7)
"""How long a writer's row is kept after its last commit: far longer than a database is waited for."""


class CommittedGroupQuerySet(models.QuerySet["CommittedGroup"]):
    def begin(self, *, writer: str, number: int) -> bool:
        """Notes in the open transaction that this is the writer's group of the number; false if it was committed.

        Where an earlier transaction for the same group has lost its client and not ended yet, this waits for its end.
        """
        table = connection.ops.quote_name(self.model._meta.db_table)
        now = timezone.now()
        sql = f"""
            INSERT INTO {table} (writer, number, committed_at) VALUES (%s, %s, %s)
            ON CONFLICT (writer) DO UPDATE SET number = excluded.number, committed_at = excluded.committed_at
            WHERE {table}.number < excluded.number
        """  # noqa: S608
        with connection.cursor() as cursor:
            cursor.execute(sql, [writer, number, connection.ops.adapt_datetimefield_value(now)])
            begun = bool(cursor.rowcount == 1)
        if number == 1:
            self.filter(committed_at__lt=now - FORGOTTEN_AFTER).delete()
        return begun


class CommittedGroup(models.Model):
    """The number of the last group that each writer thread has committed, stored in the same transaction.

    When the answer to a commit is lost, this row alone knows whether the group was committed.
    """

    writer = models.CharField(max_length=32, primary_key=True)
    number = models.PositiveBigIntegerField()
    committed_at = models.DateTimeField()

    objects = CommittedGroupQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.writer}: {self.number}"
