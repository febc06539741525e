"""What went wrong with an object store, in words that name the kind of fault and never a key.

The libraries of the stores put requests, signed URLs and answers into their exceptions. So nothing of an exception's
text is repeated: only the store's code of the error, such as AccessDenied, or the exception's class.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from lightship.errors import (
    Aborted,
    DataLoss,
    InvalidArgument,
    LightshipError,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
)

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}|[1-5]\d\d")
_MAX_CHAIN = 10

_REFUSED = frozenset(
    {
        *("401", "403", "AccessDenied", "AccountProblem", "AllAccessDisabled", "AuthFailure"),
        *("AuthenticationFailed", "AuthorizationFailure", "AuthorizationPermissionMismatch", "ExpiredToken"),
        *("InvalidAccessKeyId", "InvalidAuthenticationInfo", "InvalidClientTokenId", "InvalidSecurity"),
        *("InvalidToken", "NoAuthenticationInformation", "SignatureDoesNotMatch", "TokenRefreshRequired"),
        *("UnauthorizedAccess", "InsufficientAccountPermissions", "AccountIsDisabled", "Forbidden", "Unauthorized"),
        "RequestTimeTooSkewed",
    }
)
_NO_BUCKET = frozenset({"NoSuchBucket", "ContainerNotFound", "ResourceNotFound", "ContainerBeingDeleted"})
_CHANGED = frozenset({"PreconditionFailed", "ConditionNotMet", "412"})
# The classes of exceptions for credentials that are missing, and for those that could not be used.
_NO_KEYS = frozenset({"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "NoAuthTokenError"})
_BAD_KEYS = frozenset(
    {
        *("ClientAuthenticationError", "RefreshError", "CredentialRetrievalError", "TokenRetrievalError"),
        *("SSOTokenLoadError", "UnauthorizedSSOTokenError", "ProfileNotFound", "CredentialUnavailableError"),
    }
)


class NoSuchPlace(NotFound):
    """There is nothing at this place of the store; the bucket may exist or not."""


def fault_of(error: BaseException, url: str) -> LightshipError:
    """Returns the error to show for an exception of a store's library.

    PermissionDenied if the store refused the credentials or there are none, NoSuchPlace if there is nothing, NotFound
    if there is no such bucket, Aborted if an object has changed while it was read, ResourceExhausted for a full disk,
    Unavailable for everything that may be over soon.
    """
    chain = list(_chain(error))
    codes = [code for one in chain for code in _codes(one)]
    classes = [type(one).__name__ for one in chain]
    shown = codes[0] if codes else classes[-1]
    if any(name in _NO_KEYS for name in classes):
        return PermissionDenied(
            f"there are no credentials for {url} ({shown}): give them as the tools of that store take them"
        )
    if any(code in _REFUSED for code in codes) or any(name in _BAD_KEYS for name in classes):
        return PermissionDenied(f"the store refused the credentials: {shown} for {url}")
    if isinstance(error, PermissionError):
        return PermissionDenied(f"the store refused the credentials: {codes[0] if codes else 'no access'} for {url}")
    if any(code in _NO_BUCKET for code in codes):
        return NotFound(f"the store has no such bucket: {shown} for {url}")
    if any(code in _CHANGED for code in codes) or "FileExpired" in classes:
        return Aborted(f"an object changed while it was read: {shown} for {url}")
    if isinstance(error, FileNotFoundError):
        return NoSuchPlace(f"the store has nothing at {url}")
    return Unavailable(f"the store cannot be reached or does not answer as it should: {shown} for {url}")


def disk_fault(error: OSError, folder: object) -> LightshipError:
    """Returns the error to show if a file of the cache cannot be written."""
    reason = error.strerror or type(error).__name__
    return ResourceExhausted(f"the cache for models of object stores in {folder} cannot be written: {reason}")


def is_final(error: LightshipError) -> bool:
    """Returns whether an error is about the version itself, so that it will not be over soon."""
    return isinstance(error, DataLoss | InvalidArgument | ResourceExhausted)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(_MAX_CHAIN):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _codes(error: BaseException) -> Iterator[str]:
    """Returns the store's codes in an exception of botocore, gcsfs, aiohttp or Azure."""
    response = getattr(error, "response", None)
    named = response.get("Error") if isinstance(response, Mapping) else None
    found: list[object] = [named.get("Code")] if isinstance(named, Mapping) else []
    found += [getattr(error, name, None) for name in ("error_code", "code", "status_code", "status")]
    for code in found:
        text = str(getattr(code, "value", code))
        if code is not None and _CODE.fullmatch(text):
            yield text
