"""A model's configuration, by v2's model configuration extension."""

from inference.api.describe import reads_model
from inference.api.found import about, served_of
from inference.api.modelconfig import model_config
from inference.api.route import of_model
from inference.api.services import Services
from inference.messages import Reply, Request


def get_config(services: Services, request: Request) -> Reply:
    """Describe a model in the form of Triton's model configuration."""
    served = served_of(services, request)
    return about(served, model_config(served.name, served.model.signature))


_DOC = reads_model("Describe a model in the form of Triton's configuration", "Config")

ROUTES = of_model("GET", "/config", "config", get_config, doc=_DOC)
