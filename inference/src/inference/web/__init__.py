"""HTTP: waitress below, the paths above, Flask for all but those that run a model."""
