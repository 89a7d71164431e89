"""Inserts rows into the running server's database that would take too long to create by asking."""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any


def add_exchanges(database_path: Path, conversation_id: str, exchanges: int) -> None:
    """Adds questions and answers of different lengths to a conversation that has one exchange."""
    with closing(sqlite3.connect(database_path, timeout=20)) as connection, connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute(
            "SELECT * FROM conversations_message WHERE conversation_id = ? ORDER BY role DESC", [_hex(conversation_id)]
        )
        question, answer = map(dict, found)
        run = dict(
            connection.execute("SELECT * FROM conversations_run WHERE message_id = ?", [answer["id"]]).fetchone()
        )
        step = dict(
            connection.execute("SELECT * FROM conversations_step WHERE message_id = ?", [answer["id"]]).fetchone()
        )
        leaf, first_created = answer["id"], datetime.fromisoformat(answer["created_at"])
        for number in range(exchanges):
            created = {"created_at": str(first_created + timedelta(seconds=number + 1))}
            new_question = (
                question | created | {"id": uuid.uuid4().hex, "parent_id": leaf, "text": f"question {number}."}
            )
            text = "\n\n".join(f"answer {number}, paragraph {line}." for line in range(1 + number * 7 % 23))
            new_answer = answer | created | {"id": uuid.uuid4().hex, "parent_id": new_question["id"], "text": text}
            leaf = new_answer["id"]
            _insert(connection, "conversations_message", new_question)
            _insert(connection, "conversations_message", new_answer)
            ids = {"id": uuid.uuid4().hex, "user_message_id": new_question["id"], "message_id": leaf}
            _insert(connection, "conversations_run", run | ids)
            content = {"message_id": leaf, "content": text, "size": len(text), "html": None}
            _insert(connection, "conversations_step", {k: v for k, v in step.items() if k != "id"} | content)
        connection.execute(
            "UPDATE conversations_conversation SET leaf_id = ? WHERE id = ?", [leaf, _hex(conversation_id)]
        )


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    names = ", ".join(f'"{name}"' for name in row)
    connection.execute(
        f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})",
        list(row.values()),
    )


def _hex(identifier: str) -> str:
    return identifier.replace("-", "")
