import gc
import os
from importlib import import_module

from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "streamtests.settings")

application = get_asgi_application()

# What is loaded by now stays. A full collection of garbage would go through it each time, and hold
# all pages up meanwhile.
import_module(settings.ROOT_URLCONF)
gc.collect()
gc.freeze()
