"""The JSON of requests and answers, as OpenAPI has it. Pure."""

from typing import Any

from inference.protocol.datatypes import BY_NAME

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}


def ref(name: str) -> Schema:
    """Point at one of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def listed(items: Schema) -> Schema:
    """Make a list of something."""
    return {"type": "array", "items": items}


def record(required: Schema, optional: Schema | None = None) -> Schema:
    """Make an object with these keys; more are allowed."""
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}}


def _pair(items: Schema) -> Schema:
    return {**listed(items), "minItems": 2, "maxItems": 2}


_DATATYPE: Schema = {"type": "string", "enum": list(BY_NAME)}
_PARAMETERS: Schema = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
_DATA: Schema = {"type": "array", "description": "row by row, flat or nested as the shape says"}
_TENSOR = {"name": TEXT, "datatype": _DATATYPE}
_SPEC = record({**_TENSOR, "shape": {**listed({"type": "integer", "minimum": -1}), "description": "-1: any"}})
_RAW = {"parameters": {**_PARAMETERS, "description": "binary_data_size: the tensor's bytes follow the JSON"}}
_CONFIG_TENSOR = record({"name": TEXT, "data_type": TEXT, "dims": listed({"type": "integer"})})
_LAPS = {lap: ref("Duration") for lap in ("compute_input", "compute_infer", "compute_output")}
_ENDS = {end: ref("Duration") for end in ("success", "fail", "queue", "cache_hit", "cache_miss")}

SCHEMAS: dict[str, Schema] = {
    "Error": record({"error": {**TEXT, "description": "one sentence: what is wrong, and the cure"}}),
    "InferRequest": record(
        {"inputs": listed(record({**_TENSOR, "shape": listed(COUNT)}, {"data": _DATA, **_RAW}))},
        {
            "id": TEXT,
            "parameters": {**_PARAMETERS, "description": "binary_data_output: all outputs raw"},
            "outputs": listed(
                record(
                    {"name": TEXT},
                    {"parameters": {**_PARAMETERS, "description": "binary_data, classification"}},
                )
            ),
        },
    ),
    "InferResponse": record(
        {
            "model_name": TEXT,
            "model_version": TEXT,
            "outputs": listed(
                record({**_TENSOR, "shape": listed(COUNT)}, {"data": {"type": "array"}, **_RAW})
            ),
        },
        {"id": TEXT},
    ),
    "ScoreRequest": record(
        {
            "input": {
                "description": "base64 of pictures: a list, or that list as a string of JSON",
                "oneOf": [listed(TEXT), TEXT],
            }
        }
    ),
    "ScoreResponse": record(
        {
            "result": {
                **_pair({"oneOf": [listed(listed(_pair({"type": ["string", "number", "null"]}))), TEXT]}),
                "description": "for each picture a list of [label, percent], then how long it took",
            }
        }
    ),
    "Version": record(
        {
            "model": TEXT,
            "version": TEXT,
            "digest": {"type": ["string", "null"]},
            "since": TEXT,
            "server": TEXT,
        }
    ),
    "Server": record({"name": TEXT, "version": TEXT, "extensions": listed(TEXT)}),
    "Live": record({"live": FLAG}),
    "Ready": record({"ready": FLAG}, {"name": TEXT, "error": TEXT}),
    "Models": record({"models": listed(TEXT)}),
    "Model": record(
        {
            "name": TEXT,
            "versions": listed(TEXT),
            "platform": TEXT,
            "inputs": listed(_SPEC),
            "outputs": listed(_SPEC),
            "properties": {"type": "object", "additionalProperties": TEXT},
        }
    ),
    "Config": record(
        {
            "name": TEXT,
            "platform": TEXT,
            "backend": TEXT,
            "max_batch_size": COUNT,
            "input": listed(_CONFIG_TENSOR),
            "output": listed(_CONFIG_TENSOR),
        }
    ),
    "Duration": record({"count": COUNT, "ns": COUNT}),
    "Stats": record(
        {
            "model_stats": listed(
                record(
                    {
                        "name": TEXT,
                        "version": TEXT,
                        "last_inference": {**COUNT, "description": "milliseconds since 1970; 0: never"},
                        "inference_count": COUNT,
                        "execution_count": COUNT,
                        "inference_stats": record({**_ENDS, **_LAPS}),
                        "batch_stats": listed(record({"batch_size": COUNT, **_LAPS})),
                        "memory_usage": {"type": "array"},
                    }
                )
            )
        }
    ),
    "IndexRequest": record({}, {"ready": FLAG}),
    "Index": listed(
        record(
            {"name": TEXT, "state": {"enum": ["READY", "LOADING", "UNAVAILABLE"]}, "reason": TEXT},
            {"version": TEXT},
        )
    ),
    "LoadRequest": record(
        {}, {"parameters": {"type": "object", "description": "config and file:… are refused"}}
    ),
    "UnloadRequest": record({}, {"parameters": record({}, {"unload_dependents": FLAG})}),
}
