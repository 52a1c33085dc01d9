"""Bugsink with a schema that knows `sdk.settings`, which Sentry added after Bugsink's was made.

It would refuse every event of ours for that field alone, with a status of 200 and only where
`VALIDATE_ON_DIGEST` is `strict`, which it is nowhere by default. All else is as strict as ever.
"""

from bugsink.event_schema import validate
from bugsink.wsgi import application  # noqa: F401
from fastjsonschema import JsonSchemaValueException
from ingest.views import BaseIngestAPIView


def validate_without_settings(event: dict) -> None:
    sdk = event.get("sdk")
    if isinstance(sdk, dict):
        event = {**event, "sdk": {key: sdk[key] for key in sdk if key != "settings"}}
    validate(event)


def prove_need() -> None:
    event = {"sdk": {"name": "rust", "version": "1", "settings": {"infer_ip": "never"}}}
    validate_without_settings(event)
    try:
        validate(event)
    except JsonSchemaValueException:
        return
    raise SystemExit("Bugsink knows sdk.settings now: wsgi.py can go, bugsink.wsgi does")


prove_need()
BaseIngestAPIView._event_validator = staticmethod(validate_without_settings)
