"""How the server's log lines look: plain ones for people, or one JSON object a line for machines. No line holds a value of a data set."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from app.settings.groups import Log


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class WithoutBrokenAnswers(logging.Filter):
    """Leaves out uvicorn's traceback of an answer that had to break off: the gate has told it already, with the request's id."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], ConnectionAbortedError))


def log_config(log: Log) -> dict[str, Any]:
    """A configuration for `logging.config.dictConfig`, which uvicorn hands to each of its workers."""
    formatters: dict[str, dict[str, str]] = {
        "text": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "json": {"()": f"{__name__}.{JsonLines.__name__}"},
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatters[log.format]},
        "filters": {"broken": {"()": f"{__name__}.{WithoutBrokenAnswers.__name__}"}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["broken"], "stream": "ext://sys.stderr"},
        },
        "loggers": {"alembic": {"level": "WARNING"}},  # it tells of each start, not only of migrations
        "root": {"level": log.level.upper(), "handlers": ["stderr"]},
    }
