"""Redaction: no output shows a password, wherever it is in a URL and however a library repeats it."""

import pytest
from monthwise.base import redact

HOST = "127.0.0.1"


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("http://ann:uncommon-word@host/x", "Max retries exceeded with url: http://ann:uncommon-word@host/x"),
        (
            "http://host/x?token=uncommon-word",
            "Max retries exceeded with url: /x?token=uncommon-word/api/2.0 (refused)",
        ),
        ("postgresql://host/db?sslpassword=uncommon-word&user=ann", "invalid option sslpassword=uncommon-word"),
        ("postgresql://host/db?sslpassword=uncommon%2Dword", "connection with 'uncommon-word' failed"),
        ("", "GET https://bucket/key?X-Amz-Signature=uncommon-word&b=1 failed"),
        ("", "proxy http://ann:uncommon-word@proxy:3128 refused"),
        ("", "could not connect: host=h password=uncommon-word dbname=d"),
        ("", "AWS says word uncommon-word"),
    ],
)
def test_no_text_shows_a_secret(uri, text, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "uncommon-word" if "AWS" in text else "")
    for shown in (redact.hide(text, uri), redact.scrub(redact.hide(text, uri))):
        assert "uncommon-word" not in shown


def test_a_text_without_secrets_stays_as_it_is():
    text = "tracking store sqlite:////srv/x.db?timeout=60: no such table: runs; 60 of 60 rows"
    assert redact.hide(text, "sqlite:////srv/y.db?timeout=60") == text
    assert redact.hide("port 9000 refused", f"http://{HOST}/?port=9000") == "port 9000 refused"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no /home/alice/a/b.json here", "no …/b.json here"),
        ("sqlite:////srv/x/mlflow.db", "sqlite:///…/mlflow.db"),
        ("file:/srv/tlc/green.parquet", "file:…/green.parquet"),
        ("postgresql://me:word@host/db", "postgresql://host/db"),
        ("https://a.example/b/c?token=1#x", "https://a.example/b/c"),
        ("logs/train/green/2024-01.log and 3/4", "logs/train/green/2024-01.log and 3/4"),
        ("built 3 of 4, 1.5 MB/s", "built 3 of 4, 1.5 MB/s"),
    ],
)
def test_scrubbed(text, shown):
    assert redact.scrub(text) == shown
