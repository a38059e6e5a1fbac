"""`python -m model_fetcher` is `model-fetcher`."""

from model_fetcher.cli import main

main()
