from __future__ import annotations

from datetime import timedelta

from django.db import connection, models
from django.utils import timezone

RETENTION = timedelta(days=7)
"""How long a writer's row is kept after its last commit: far longer than any writer waits for its database."""


class CommittedGroupQuerySet(models.QuerySet["CommittedGroup"]):
    def record(self, *, writer: str, number: int) -> bool:
        """Records the number of the writer's group in the open transaction. Returns False if it is committed already.

        If the connection was lost during an earlier transaction for the same group, waits until the database has
        ended that transaction.
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
            is_new = bool(cursor.rowcount == 1)
        if number == 1:
            self.filter(committed_at__lt=now - RETENTION).delete()
        return is_new


class CommittedGroup(models.Model):
    """The number of the last group that a writer thread has committed, stored in the group's own transaction.

    If the connection is lost during a commit, this row tells whether the group was committed.
    """

    writer = models.CharField(max_length=32, primary_key=True)
    number = models.PositiveBigIntegerField()
    committed_at = models.DateTimeField()

    objects = CommittedGroupQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.writer}: {self.number}"
