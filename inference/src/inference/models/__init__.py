"""From a directory on the volume to a model that answers, and from one version to the next."""
