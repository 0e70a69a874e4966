from django.apps import AppConfig


class ColumnsAppConfig(AppConfig):
    name = "columnsapp"
    default_auto_field = "django.db.models.BigAutoField"
