"""Log lines as JSON: one object a line, whatever the message holds."""

import json
import logging
import logging.config
import sys

from app.cli.logs import JsonLines, log_config
from app.settings.groups import Log


def record(message: str, *arguments: object, failed: bool = False) -> logging.LogRecord:
    error = sys.exc_info() if failed else None
    return logging.LogRecord("app.test", logging.WARNING, "file", 1, message, arguments, error)


def test_a_line_is_one_json_object_with_time_level_logger_and_message() -> None:
    text = JsonLines().format(record('line "one"\n%s', "ü"))
    assert "\n" not in text
    line = json.loads(text)
    assert (line["level"], line["logger"], line["message"]) == ("warning", "app.test", 'line "one"\nü')
    assert line["time"].endswith("+00:00")


def test_a_traceback_stays_in_its_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        text = JsonLines().format(record("failed", failed=True))
    assert "\n" not in text
    assert "ValueError: broken" in json.loads(text)["traceback"]


def test_both_formats_are_configurations_that_logging_takes() -> None:
    # Only built, not put in force: pytest has handlers of its own.
    for form in ("text", "json"):
        configurator = logging.config.DictConfigurator(log_config(Log.model_validate({"format": form})))
        formatter = configurator.configure_formatter(configurator.config["formatters"]["line"])
        assert "message" in formatter.format(record("message"))
