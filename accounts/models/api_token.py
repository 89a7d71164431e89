from __future__ import annotations

import hashlib
import secrets

from django.conf import settings
from django.db import models
from django.utils import timezone


def digest(token: str) -> str:
    """What is stored of a token. It has 256 random bits, so a fast hash does."""
    return hashlib.sha256(token.encode()).hexdigest()


class ApiTokenManager(models.Manager["ApiToken"]):
    def issue(self, *, user_id: int, name: str = "", scope: str = "chat") -> tuple[ApiToken, str]:
        """A new token of the user, and its text, which is not kept and cannot be had again."""
        text = secrets.token_urlsafe(32)
        return self.create(user_id=user_id, name=name, scope=scope, digest=digest(text)), text

    def find(self, text: str) -> ApiToken | None:
        """The token whose text this is, if it is not revoked and its user is active."""
        return self.select_related("user").filter(digest=digest(text), revoked_at=None, user__is_active=True).first()


class ApiToken(models.Model):
    """Lets a program act for a person. Only a hash is kept."""

    class Scope(models.TextChoices):
        CHAT = "chat"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, blank=True, default="")
    scope = models.CharField(max_length=20, choices=Scope.choices, default=Scope.CHAT)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="To within the minute.")
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiTokenManager()

    class Meta:
        verbose_name = "API token"
        constraints = [models.CheckConstraint(condition=models.Q(scope__in=["chat"]), name="api_token_scope_known")]

    def __str__(self) -> str:
        return self.name or f"Token {self.pk}"
