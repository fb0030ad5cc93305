"""Log lines of a service: one JSON object a line on stderr, with credentials removed.

Only fields listed here are written, so an ``extra`` cannot leak a person's words. ``job_id`` is one id for a request
from the mention to the reply.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

FIELDS = ("request_id", "job_id", "network", "method", "path", "status", "milliseconds")
SECRETS = (
    (re.compile(r"(?<=://)[^\s/@]*@"), "***@"),
    (re.compile(r"(?i)\b(authorization|cookie|x-api-key)(\W{1,4})(bearer |basic |oauth )?[^\s,;'\"]+"), r"\1\2***"),
    (re.compile(r"(?i)\b(\w*(?:password|secret|token|api_?key)\w*)(['\"]?\s*[=:]\s*['\"]?)[^\s,;&'\"]+"), r"\1\2***"),
)  # fmt: skip
LIBRARIES = ("rq", "rq.worker", "rq.job", "rq.registry", "rq.queue", "uvicorn.access", "fsspec", "httpx", "nio")

_JOB_ID: ContextVar[str] = ContextVar("riffbird_job_id", default="")


@contextmanager
def logged_job(job_id: str) -> Iterator[None]:
    """Every line that is logged within the block, also by libraries, carries ``job_id``."""
    token = _JOB_ID.set(job_id)
    try:
        yield
    finally:
        _JOB_ID.reset(token)


def without_secrets(text: str) -> str:
    """``text`` with user names and passwords in URLs, tokens and authorization headers replaced by ``***``."""
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text


class JsonLines(logging.Formatter):
    """One line a record: time (UTC, ISO 8601), level, logger, message, the fields above, a traceback.

    Each of ``secrets``, and whatever looks like a credential, is replaced by ``***``.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        super().__init__()
        self._secrets = [secret for secret in secrets if secret]

    def format(self, record: logging.LogRecord) -> str:
        """The line of ``record``."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self._clean(record.getMessage()),
        }
        if _JOB_ID.get():
            line["job_id"] = _JOB_ID.get()
        line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            line["traceback"] = self._clean(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return without_secrets(text)


def configure_logging(level: str, secrets: Collection[str] = ()) -> None:
    """Write everything of ``level`` and above to stderr as JSON lines; libraries only from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if level != "DEBUG":
        for library in LIBRARIES:
            logging.getLogger(library).setLevel(logging.WARNING)
