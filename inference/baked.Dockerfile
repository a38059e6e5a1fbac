# Built by `make image-baked`: the server with a model in its image, for sites that reach no store.
ARG FETCHER_IMAGE
ARG INFERENCE_IMAGE

FROM ${FETCHER_IMAGE} AS model
ARG SOURCE
ARG CHANNEL=stable
USER 0
# The secret holds lines such as AZURE_STORAGE_CONNECTION_STRING='…'; no layer keeps it. The context is the
# directory of a file:// source.
RUN --mount=type=secret,id=store --mount=type=bind,target=/source \
    set -eua; if [ -s /run/secrets/store ]; then . /run/secrets/store; fi; \
    model-fetcher fetch "$SOURCE" --channel "$CHANNEL" --volume /models; \
    rm -rf /models/*/.staging /models/*/.lock; chmod -R a+rX /models

FROM ${INFERENCE_IMAGE}
COPY --from=model /models /models
