"""Faults of stores are named by their kind; nothing of an exception's text is shown."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from lightship.errors import LightshipError, NotFound, PermissionDenied, Unavailable
from lightship.store.faults import NoSuchPlace, fault_of

SECRET = "a-secret"
URL = "s3://bucket/dog"


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": SECRET}}, "ListObjectsV2")


class HttpError(Exception):
    """An error as gcsfs raises it."""

    def __init__(self, code: int) -> None:
        super().__init__(SECRET)
        self.code = code


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (client_error("AccessDenied"), PermissionDenied, f"the store refused the credentials: AccessDenied for {URL}"),
        (client_error("ExpiredToken"), PermissionDenied, f"the store refused the credentials: ExpiredToken for {URL}"),
        (HttpError(403), PermissionDenied, f"the store refused the credentials: 403 for {URL}"),
        (PermissionError(SECRET), PermissionDenied, f"the store refused the credentials: no access for {URL}"),
        (NoCredentialsError(), PermissionDenied, f"there are no credentials for {URL} (NoCredentialsError)"),
        (client_error("NoSuchBucket"), NotFound, f"the store has no such bucket: NoSuchBucket for {URL}"),
        (FileNotFoundError(SECRET), NoSuchPlace, f"the store has nothing at {URL}"),
        (client_error("SlowDown"), Unavailable, "does not answer as it should: SlowDown"),
        (EndpointConnectionError(endpoint_url=SECRET), Unavailable, "cannot be reached"),
        (client_error(f"not a code: {SECRET} "), Unavailable, "ClientError"),
        (RuntimeError(SECRET), Unavailable, "RuntimeError"),
    ],
)
def test_a_fault_is_named_by_its_kind(error: Exception, kind: type[LightshipError], text: str) -> None:
    fault = fault_of(error, URL)
    assert type(fault) is kind
    assert text in fault.message
    assert SECRET not in fault.message


def test_the_code_is_found_behind_the_exception_of_a_library() -> None:
    error = PermissionError(SECRET)
    error.__cause__ = client_error("SignatureDoesNotMatch")
    assert fault_of(error, URL).message == f"the store refused the credentials: SignatureDoesNotMatch for {URL}"
