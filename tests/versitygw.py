"""A bucket of a real S3 server, versitygw, as a store; spoken to over HTTP, by hand."""

import json
from dataclasses import dataclass
from xml.etree import ElementTree

import requests
from requests_aws4auth import AWS4Auth

from blobs import PREFIX, Store

ACCESS_KEY_ID = "test-key"
SECRET = "the secret of the S3 tests"
_XML = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@dataclass(frozen=True, slots=True)
class Bucket(Store):
    """A bucket of the server, and the root of a model in it."""

    name: str
    endpoint: str

    @property
    def url(self) -> str:
        """See Store.url."""
        return f"s3://{self.name}/{PREFIX.rstrip('/')}"

    @property
    def key(self) -> dict[str, str]:
        """The variables of the key alone."""
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}

    @property
    def env(self) -> dict[str, str]:
        """See Store.env."""
        return self.key | {"AWS_ENDPOINT_URL": self.endpoint}

    @property
    def missing(self) -> str:
        """See Store.missing."""
        return "s3://no-such-bucket/models/digits"

    def down(self) -> dict[str, str]:
        """See Store.down."""
        return self.key | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}

    def upload(self, path: str, data: bytes) -> None:
        """See Store.upload."""
        self.ask("PUT", f"/{PREFIX}{path}", data)

    def download(self, path: str) -> bytes:
        """See Store.download."""
        return self.ask("GET", f"/{PREFIX}{path}")

    def delete(self, path: str) -> None:
        """See Store.delete."""
        self.ask("DELETE", f"/{PREFIX}{path}")

    def names(self) -> list[str]:
        """See Store.names."""
        listed = ElementTree.fromstring(self.ask("GET", f"?list-type=2&prefix={PREFIX}"))
        return [str(name.text).removeprefix(PREFIX) for name in listed.iter(f"{_XML}Key")]

    def open_to_all(self) -> None:
        """Let anybody read it."""
        there = [f"arn:aws:s3:::{self.name}", f"arn:aws:s3:::{self.name}/*"]
        rule = {"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:ListBucket"]}
        policy = {"Version": "2012-10-17", "Statement": [rule | {"Resource": there}]}
        self.ask("PUT", "?policy=", json.dumps(policy).encode())

    def ask(self, method: str, rest: str, data: bytes = b"") -> bytes:
        """Send a signed request about the bucket or, with a path, about a blob in it."""
        auth = AWS4Auth(ACCESS_KEY_ID, SECRET, "us-east-1", "s3")
        url = f"{self.endpoint}/{self.name}{rest}"
        answer = requests.request(method, url, data=data, auth=auth, timeout=60)
        answer.raise_for_status()
        return answer.content
