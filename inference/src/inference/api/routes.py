"""All routes of the clients' port. A new endpoint is a file with `ROUTES`, and a line here."""

from inference.api import config, health, infer, metadata, page, repository, score, stats, version
from inference.api.docs import with_docs
from inference.api.route import Route

PUBLIC: tuple[Route, ...] = with_docs(
    (
        *page.ROUTES,
        *score.ROUTES,
        *version.ROUTES,
        *health.ROUTES,
        *metadata.ROUTES,
        *config.ROUTES,
        *stats.ROUTES,
        *infer.ROUTES,
        *repository.ROUTES,
    )
)
