from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="tokenusage", name="usage_once_per_model_call"),
        migrations.AddField(
            model_name="tokenusage",
            name="retry",
            field=models.PositiveIntegerField(
                default=0, help_text="Calls in whose place it was made, as they broke off."
            ),
        ),
        migrations.AddConstraint(
            model_name="tokenusage",
            constraint=models.UniqueConstraint(
                fields=("run", "attempt", "iteration", "retry"), name="usage_once_per_model_call"
            ),
        ),
    ]
