"""Bugsink as its makers run it on their own machines: SQLite, and no worker beside the server."""

import os
from pathlib import Path

from bugsink.settings.default import *  # noqa: F403

STATE = Path(os.environ["BUGSINK_STATE"])

SECRET_KEY = "nobody logs in here"
TIME_ZONE = "UTC"
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
DATABASES["default"]["NAME"] = STATE / "db.sqlite3"  # noqa: F405
DATABASES["snappea"]["NAME"] = STATE / "snappea.sqlite3"  # noqa: F405
# An event is in the database before its envelope is answered.
SNAPPEA = {"TASK_ALWAYS_EAGER": True}
BUGSINK = {
    "SINGLE_USER": True,
    "PHONEHOME": False,
    "VALIDATE_ON_DIGEST": "strict",
    "KEEP_ENVELOPES": 1000,
    "INGEST_STORE_BASE_DIR": str(STATE / "ingestion"),
}
