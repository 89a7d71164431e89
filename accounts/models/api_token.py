from __future__ import annotations

import hashlib
import secrets

from django.conf import settings
from django.db import models
from django.utils import timezone


def token_digest(text: str) -> str:
    """Returns the hash that is stored of a token. A token has 256 random bits, so a fast hash is enough."""
    return hashlib.sha256(text.encode()).hexdigest()


class ApiTokenManager(models.Manager["ApiToken"]):
    def issue(self, *, user_id: int, name: str = "", scope: str = "chat") -> tuple[ApiToken, str]:
        """Creates a token for the user. Returns it with its text, which is not stored."""
        text = secrets.token_urlsafe(32)
        return self.create(user_id=user_id, name=name, scope=scope, digest=token_digest(text)), text

    def find(self, text: str) -> ApiToken | None:
        """Returns the token with this text, if it is not revoked and its user is active."""
        tokens = self.select_related("user").filter(revoked_at=None, user__is_active=True)
        return tokens.filter(digest=token_digest(text)).first()


class ApiToken(models.Model):
    """Lets a program act for a user. Only a hash of the token is stored."""

    class Scope(models.TextChoices):
        CHAT = "chat"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, blank=True, default="")
    scope = models.CharField(max_length=20, choices=Scope.choices, default=Scope.CHAT)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="Accurate to the minute.")
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenManager()

    class Meta:
        verbose_name = "API token"
        constraints = [models.CheckConstraint(condition=models.Q(scope__in=["chat"]), name="api_token_scope_known")]

    def __str__(self) -> str:
        return self.name or f"Token {self.pk}"
