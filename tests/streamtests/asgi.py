import os
from importlib import import_module

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "streamtests.settings")

# That of the project, without its static files.
application = import_module("config.asgi").application.application
