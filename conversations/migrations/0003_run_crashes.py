from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0002_a_model_call_is_made_again")]

    operations = [
        migrations.AddField(
            model_name="run",
            name="crashes",
            field=models.PositiveIntegerField(
                default=0, help_text="Attempts whose process ended without handing it over."
            ),
        ),
    ]
