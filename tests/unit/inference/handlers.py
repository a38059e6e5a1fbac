"""What tests of handlers share: a model to ask, the services that handlers get, and an application."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from inference.api.app import create_app
from inference.api.routes import PUBLIC
from inference.api.services import Control, Services
from inference.api.table import Table
from inference.messages import Request
from inference.models.bundle import parse_bundle
from inference.models.model import Model
from inference.models.picturefiles import PictureLimits
from inference.models.pipeline import build
from inference.models.registry import Registry, Served
from inference.observe.observer import Observer
from inference.protocol.limits import JsonLimits

JSON_HEADERS = {"CONTENT_TYPE": "application/json"}


def make_served(model: Model, serving: dict[str, Any] | None = None, **more: Any) -> Served:
    """Make an active version of a model, with what `serving.json` says."""
    bundle = parse_bundle(serving or {}, Path())
    pipeline = build(bundle, model.signature)
    return Served("m", "v1", None, datetime.now(UTC), bundle, model, pipeline, **more)


def make_services(
    *served: Served, control: Control | None = None, max_body: int = 1 << 20, **limits: Any
) -> Services:
    """Make services with these active versions."""
    registry = Registry(scanned=True)
    for one in served:
        registry.put(one.name, served=one)
    given: dict[str, Any] = {
        "json_limits": JsonLimits(),
        "picture_limits": PictureLimits(),
        "max_expansion": 200,
    }
    return Services(registry, control, max_body, **given | limits)


def make_client(services: Services, origins: tuple[str, ...] = (), table: Table | None = None) -> FlaskClient:
    """Make a client of the Flask application."""
    return create_app(table or Table(PUBLIC), services, Observer(), origins).test_client()


def post(body: bytes, path: str = "/", **headers: str) -> Request:
    """Make a request with a body of JSON, unless a header says otherwise."""
    return Request("POST", path, "", JSON_HEADERS | headers, body)
