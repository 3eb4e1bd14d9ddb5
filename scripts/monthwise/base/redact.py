"""Remove confidential parts of texts: logins, URL queries, secrets of the environment, and absolute paths.

All text that is printed, logged, written or sent and may contain such parts must pass through this module.
"""

import os
import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote

LONGEST = 2_000  # characters
HIDDEN = "***"
SECRETS = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD")
SHORTEST = 4  # characters; a shorter value in a query, such as `1` or `on`, is not a secret
SECRET_OPTION = re.compile(r"(?i)\b([\w.-]*(?:password|passwd|secret|token|credential|signature)[\w.-]*=)[^\s&,;'\"]+")
USERINFO = re.compile(r"(?<=://)[^/\s@]+@")
QUERY = re.compile(r"(https?://[^\s?#]+)\?\S*")
# A path of two or more folders. After a colon or a word, it is part of a URL or of a relative path.
ABSOLUTE = re.compile(r"(?<![\w.:/…-])/+(?:[^\s/:'\"<>|]+/)+(?=[^\s/])")
AFTER_SCHEME = re.compile(r"(?<=:///)/*(?:[^\s/:'\"<>|]+/)+|(?<=file:)/+(?:[^\s/:'\"<>|]+/)+")


def public(uri: str) -> str:
    """Return a URI without user, password, query and fragment, for logs and files."""
    if uri.startswith("sqlite"):
        return uri.partition("?")[0]
    scheme, mark, rest = uri.partition("://")
    if not mark:
        return uri
    # Passwords may contain `/`, `?`, `#` and `@`, so nothing before the last `@` is shown.
    return scheme + mark + re.split(r"[?#]", rest.rpartition("@")[2])[0]


def hide(text: str, *uris: str) -> str:
    """Return a text without logins, queries and secrets, including those of `uris` in another spelling."""
    for uri in uris:
        text = text.replace(uri, public(uri)) if uri else text
    for secret in sorted(_secrets(uris), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return SECRET_OPTION.sub(rf"\1{HIDDEN}", QUERY.sub(r"\1", USERINFO.sub("", text)))


def _secrets(uris: tuple[str, ...]) -> Iterator[str]:
    yield from filter(None, (os.environ.get(name, "") for name in SECRETS))
    for uri in uris:
        _, _, rest = uri.partition("://")
        login, _, place = rest.rpartition("@")
        password = login.partition(":")[2]
        yield from filter(None, (login, password, unquote(password)))
        query = place.partition("?")[2].partition("#")[0]
        for name, value in parse_qsl(query) if not uri.startswith("sqlite") else ():
            if len(value) >= SHORTEST and not value.isdecimal():
                yield from (f"{name}={value}", value)


def scrub(text: object) -> str:
    """Return `text` without confidential parts and absolute paths, truncated after LONGEST characters."""
    shown = str(text)
    shown = shown if len(shown) <= LONGEST else shown[:LONGEST] + " …"
    return ABSOLUTE.sub("…/", AFTER_SCHEME.sub("…/", hide(shown)))
