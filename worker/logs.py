"""Log lines of a service: one JSON object a line on stderr, with credentials cut out of whatever was to be said.

Does not know what is logged; only fields it names get through, so an ``extra`` cannot leak a request's words.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime

FIELDS = ("request_id", "job_id", "method", "path", "status", "milliseconds")
SECRETS = (
    (re.compile(r"(?<=://)[^\s/@]*@"), "***@"),
    (re.compile(r"(?i)\b(authorization|cookie|x-api-key)(\W{1,4})(bearer |basic |oauth )?[^\s,;'\"]+"), r"\1\2***"),
    (re.compile(r"(?i)\b(\w*(?:password|secret|token|api_?key)\w*)(['\"]?\s*[=:]\s*['\"]?)[^\s,;&'\"]+"), r"\1\2***"),
)  # fmt: skip


def without_secrets(text: str) -> str:
    """``text`` with user names and passwords in URLs, tokens and authorization headers replaced by ``***``."""
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text


class JsonLines(logging.Formatter):
    """One line a record: time (UTC, ISO 8601), level, logger, message, the fields above, any traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of ``record``."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
        }
        line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            line["traceback"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def configure_logging(level: str) -> None:
    """Send everything of ``level`` and above to stderr as JSON lines; libraries only from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if level != "DEBUG":
        for library in ("rq.worker", "rq.job", "rq.registry", "rq.queue", "uvicorn.access", "fsspec"):
            logging.getLogger(library).setLevel(logging.WARNING)
