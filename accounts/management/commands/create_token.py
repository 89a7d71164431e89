from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts.models import ApiToken, User


class Command(BaseCommand):
    help = "Creates one API token per user and prints the tokens, one per line, in the order of the users."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("usernames", nargs="+", metavar="USER")
        parser.add_argument("--create", action="store_true", help="create users that do not exist, without a password")
        parser.add_argument("--scope", choices=ApiToken.Scope.values, default=ApiToken.Scope.CHAT.value)

    def handle(self, *, usernames: Sequence[str], create: bool, scope: str, **options: Any) -> None:
        names = [User.normalize_username(name) for name in usernames]
        with transaction.atomic():
            users = {user.username: user for user in User.objects.filter(username__in=names)}
            missing = [name for name in dict.fromkeys(names) if name not in users]
            if missing and not create:
                raise CommandError(f"No such user: {', '.join(missing)}. (--create creates users that do not exist.)")
            users |= _create_users(missing)
            if inactive := [name for name, user in users.items() if not user.is_active]:
                raise CommandError(f"Not active, so a token would be refused: {', '.join(inactive)}.")
            texts = [ApiToken.objects.issue(user_id=users[name].pk, scope=scope)[1] for name in names]
        for text in texts:
            self.stdout.write(text)


def _create_users(names: Sequence[str]) -> dict[str, User]:
    users = [User(username=name, password=make_password(None)) for name in names]
    for user in users:
        try:
            user.clean_fields()
        except ValidationError as error:
            raise CommandError(f"Not a username: {user.username!r}. {' '.join(error.messages)}") from error
    return {user.username: user for user in User.objects.bulk_create(users)}
