from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import ApiToken, User

pytestmark = pytest.mark.django_db


def create_token(*arguments: str) -> list[str]:
    """Runs the command and returns the lines it printed."""
    out = StringIO()
    call_command("create_token", *arguments, stdout=out)
    return out.getvalue().splitlines()


def owner_of(text: str) -> str:
    token = ApiToken.objects.find(text)
    assert token is not None
    return token.user.username


def test_one_token_per_line_is_printed_in_the_order_of_the_users() -> None:
    User.objects.bulk_create(User(username=name) for name in ("ada", "bob", "eve"))
    assert [owner_of(line) for line in create_token("eve", "ada", "bob")] == ["eve", "ada", "bob"]


def test_an_unknown_user_is_named_and_nobody_gets_a_token() -> None:
    User.objects.create(username="ada")
    with pytest.raises(CommandError, match=r"^No such user: eve, bob\."):
        create_token("ada", "eve", "bob", "eve")
    assert not ApiToken.objects.exists()


def test_create_makes_missing_users_without_a_password() -> None:
    ada = User.objects.create(username="ada")
    assert [owner_of(line) for line in create_token("ada", "eve", "--create")] == ["ada", "eve"]
    eve = User.objects.get(username="eve")
    assert not eve.has_usable_password()
    assert eve.is_active
    assert not eve.is_staff
    assert set(User.objects.all()) == {ada, eve}


def test_a_user_given_twice_is_created_once_and_gets_two_tokens() -> None:
    first, second = create_token("eve", "eve", "--create")
    assert first != second
    assert owner_of(first) == owner_of(second) == "eve"
    assert User.objects.count() == 1


@pytest.mark.parametrize("name", ["no spaces", "x" * 151, "", "semi;colon"])
def test_an_invalid_username_is_refused_and_no_user_is_created(name: str) -> None:
    with pytest.raises(CommandError, match="Not a username"):
        create_token("eve", name, "--create")
    assert not User.objects.exists()
    assert not ApiToken.objects.exists()


def test_an_inactive_user_is_refused_because_the_token_would_not_work() -> None:
    User.objects.create(username="ada", is_active=False)
    with pytest.raises(CommandError, match="Not active, so a token would be refused: ada"):
        create_token("ada")
    assert not ApiToken.objects.exists()


def test_an_unknown_scope_is_refused() -> None:
    User.objects.create(username="ada")
    with pytest.raises(CommandError, match="invalid choice: 'everything'"):
        create_token("ada", "--scope", "everything")
    create_token("ada", "--scope", "chat")
    assert ApiToken.objects.get().scope == "chat"


def test_at_least_one_user_is_required() -> None:
    with pytest.raises(CommandError, match="required: USER"):
        create_token()


def test_creating_many_users_takes_a_bounded_number_of_queries_per_user() -> None:
    names = [f"user-{number}" for number in range(400)]
    with CaptureQueriesContext(connection) as queries:
        lines = create_token(*names, "--create")
    assert len(set(lines)) == 400
    assert User.objects.count() == 400
    assert len(queries) < 400 + 20
