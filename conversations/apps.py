from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    name = "conversations"
    verbose_name = "Conversations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.deletion import before_deletion
        from conversations.store.deletion import prepare_deletion

        before_deletion(prepare_deletion)
