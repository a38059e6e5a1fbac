"""Write docs/settings.md and docs/metrics.md from the programs themselves.

With `--check` nothing is written; exit 1 names what is stale.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric

import inference.observe.exposition
import inference.observe.metrics
import inference.options
import model_fetcher.cli
import model_fetcher.status
from inference.machine.cpu import Budget
from inference.models.registry import Registry

DOCS = Path(__file__).resolve().parent.parent / "docs"
MADE = "<!-- Made by `make docs` from the programs: edit those. -->\n\n"


def settings() -> str:
    """The page of all flags and variables."""
    return MADE + "\n".join(
        [
            "# Settings\n",
            "Every flag has an environment variable; the flag wins. Times carry a unit (`500ms`, `60s`, "
            "`5m`, `1h`). Wrong settings end a program with exit code 2, all told at once.\n",
            "## model-fetcher\n",
            *_fetcher(),
            *_ENVIRONMENT,
            "## inference serve\n",
            *_table(("flag", "variable", "default", "meaning"), _inference()),
            "`inference check BUNDLE` takes no flags.\n",
            *_TRACES,
        ]
    )


_TRACES = (
    "### Traces\n",
    "With `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` set, the server sends "
    "OpenTelemetry traces by OTLP over HTTP, one span a request with one below it for each stage; a "
    "`traceparent` header is continued. OpenTelemetry's other variables hold, such as `OTEL_SERVICE_NAME` "
    "and `OTEL_TRACES_SAMPLER`. The image has the packages; elsewhere install `inference[tracing]`.\n",
)

_ENVIRONMENT = (
    "### Secrets\n",
    "Secrets are read from the environment only, so that no process list or log shows them.\n",
    "| variable | meaning |",
    "|---|---|",
    "| `AZURE_STORAGE_CONNECTION_STRING` | `az://`, `--auth connection-string` |",
    "| `AZURE_STORAGE_KEY` | `az://`, `--auth key`: the account's key |",
    "| `AZURE_STORAGE_SAS_TOKEN` | `az://`, `--auth sas` |",
    "| `AZURE_FEDERATED_TOKEN_FILE`, `AZURE_CLIENT_ID`, `AZURE_TENANT_ID` | `az://`, `--auth "
    "workload-identity`; set in the pod by Azure's webhook |",
    "| `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` | `s3://`, `--auth key`; with `AWS_SESSION_TOKEN`, "
    "if it is a temporary one |",
    "| `AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN` | `s3://`, `--auth workload-identity` (IRSA); set in "
    "the pod by EKS |",
    "| `GOOGLE_SERVICE_ACCOUNT_KEY` | `gs://`, `--auth key`: a service account's key, as JSON |\n",
    "`--auth auto` takes the first of these that is set for the kind of source, else `default`: "
    "DefaultAzureCredential; on AWS what the container (ECS, EKS Pod Identity) or the machine has; on "
    "Google application default credentials, which are the file that `GOOGLE_APPLICATION_CREDENTIALS` "
    "names, what `gcloud` left, or what the machine has (GKE workload identity). `--auth anonymous` is for "
    "public stores.\n",
    "S3 takes `AWS_REGION` (or `AWS_DEFAULT_REGION`; else `us-east-1`) and, without `--endpoint`, "
    "`AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`. An endpoint may be plain `http://`. What else obstore "
    "reads from variables `AWS_…` and `GOOGLE_…` works, too; profiles in `~/.aws` do not.\n",
    "### Exit codes\n",
    "| code | meaning |",
    "|---|---|",
    "| 0 | done; `watch`: ended by a signal |",
    "| 1 | failed, trying again may help |",
    "| 2 | wrong usage or settings |",
    "| 3 | container, bucket, channel, version or blob not found |",
    "| 4 | access denied |",
    "| 5 | a manifest or file is not what it should be |",
    "| 6 | the volume is full, read-only, or holds something foreign |",
    "| 7 | the bundle is refused |",
    "| 8 | somebody else wrote the same thing first |\n",
)


def _fetcher() -> Iterator[str]:
    group = model_fetcher.cli.cli
    for name in ("fetch", "watch", "publish", "versions", "promote", "rollback", "verify"):
        command = group.commands[name]
        usage = " ".join(p.make_metavar(click.Context(command)) for p in command.params if _is_argument(p))
        yield f"### `{name} {usage}`\n"
        yield (command.help or "").replace("\n\n", " ").strip() + "\n"
        yield from _table(("flag", "variable", "default", "meaning"), map(_option, _options(command)))


def _options(command: click.Command) -> list[click.Option]:
    return [param for param in command.params if isinstance(param, click.Option)]


def _is_argument(param: click.Parameter) -> bool:
    return isinstance(param, click.Argument)


def _option(option: click.Option) -> tuple[str, ...]:
    shown = option.show_default if isinstance(option.show_default, str) else option.default
    default = (
        "required" if option.required else f"`{shown}`" if isinstance(shown, str | int) and shown else ""
    )
    if option.is_flag:
        default = ""
    return f"`{option.opts[0]}`", f"`{option.envvar}`", default, option.help or ""


def _inference() -> Iterator[tuple[str, ...]]:
    for option in inference.options.OPTIONS:
        default = "required" if option.default is None else f"`{option.default}`" if option.default else ""
        yield f"`{option.flag}`", f"`{option.variable}`", default, option.help


_HEAD = ("metric", "type", "labels", "meaning")


def metrics() -> str:
    """The page of all metrics."""
    empty = inference.observe.exposition.State(Registry(), Budget(1, 1, 1))
    own = [m for m in vars(inference.observe.metrics).values() if isinstance(m, MetricWrapperBase)]
    described = [m for wrapper in own for m in wrapper.describe()]
    labels = {wrapper._name: wrapper._labelnames for wrapper in own}
    server = [*described, *empty.collect()]
    return MADE + "\n".join(
        [
            "# Metrics\n",
            "Both programs answer `GET /metrics` on their admin port in Prometheus' text format.\n",
            "## model-fetcher (port 9091)\n",
            *_table(_HEAD, map(_metric, model_fetcher.status.families([]))),
            "## inference (port 9090)\n",
            *_table(_HEAD, (_metric(metric, labels.get(metric.name)) for metric in server)),
        ]
    )


def _metric(metric: Metric, labels: Iterable[str] | None = None) -> tuple[str, ...]:
    named = getattr(metric, "_labelnames", ()) if labels is None else labels
    suffix = "_total" if metric.type == "counter" else ""
    return f"`{metric.name}{suffix}`", metric.type, ", ".join(f"`{n}`" for n in named), metric.documentation


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "/") for cell in row) + " |"
    yield ""


def main() -> None:
    """Write the pages, or with `--check` compare them."""
    pages = {DOCS / "settings.md": settings(), DOCS / "metrics.md": metrics()}
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        sys.exit("".join(f"{path.name} is stale: run 'make docs'\n" for path in stale) or 0)
    for path in stale:
        path.write_text(pages[path])


if __name__ == "__main__":
    main()
