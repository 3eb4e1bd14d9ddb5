"""Text that leaves the machine: without absolute paths, passwords in URLs, or their queries (they hold signatures)."""

import re

LONGEST = 2_000  # characters
USERINFO = re.compile(r"(?<=://)[^/\s@]+@")
QUERY = re.compile(r"(https?://[^\s?#]+)\?\S*")
# A path of two folders or more; what follows a colon or a word is part of a URL or of a relative path.
ABSOLUTE = re.compile(r"(?<![\w.:/…-])/+(?:[^\s/:'\"<>|]+/)+(?=[^\s/])")
AFTER_SCHEME = re.compile(r"(?<=:///)/*(?:[^\s/:'\"<>|]+/)+|(?<=file:)/+(?:[^\s/:'\"<>|]+/)+")


def scrub(text: object) -> str:
    """Return `text` without what other people must not see, cut after LONGEST characters."""
    told = str(text)
    told = told if len(told) <= LONGEST else told[:LONGEST] + " …"
    told = QUERY.sub(r"\1", USERINFO.sub("", told))
    return ABSOLUTE.sub("…/", AFTER_SCHEME.sub("…/", told))
