"""The files under docs/deploy name metrics and commands that exist."""

import configparser
import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML
from typer.testing import CliRunner

from bot.api.metrics import HttpMetrics
from bot.cli.main import build
from tests.bot.service import ROOT, Service
from worker.client import DeadLetters
from worker.storage.stats import BOTS, ProcessUse

DEPLOY = ROOT / "docs" / "deploy"
NAME = re.compile(r"\briffbird_\w+")


@pytest.fixture
def known(service_band: Service) -> set[str]:
    """Names of samples that a service with some history exposes."""
    queues = service_band.queues
    stats = queues.stats
    stats.count_outcome("done")
    stats.count_training("done")
    stats.count_failure("OSError")
    stats.add_stage("song", 1.0)
    stats.beat("here-1", 60, BOTS)
    stats.report(ProcessUse("bot", "here-1", 1, 1.0), 60)
    DeadLetters(queues.connection, "jobs").add("compose", {}, "x")
    queues.connection.sadd("riffbird:bots", "x")
    queues.connection.hincrby("riffbird:bot:x:counters", "retries", 1)
    metrics = HttpMetrics(queues)
    metrics.count("GET", "/", 200, 0.1)
    families = text_string_to_metric_families(metrics.text().decode())
    return {sample.name for family in families for sample in family.samples}


def test_the_dashboard_draws_metrics_that_exist(known: set[str]) -> None:
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    drawn = {name for panel in dashboard["panels"] for each in panel["targets"] for name in NAME.findall(each["expr"])}
    assert drawn <= known
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_alerts_ask_for_metrics_that_exist(known: set[str]) -> None:
    rules = YAML(typ="safe", pure=True).load((DEPLOY / "alerts.yml").read_text())["groups"][0]["rules"]
    assert {name for rule in rules for name in NAME.findall(rule["expr"])} <= known
    assert all(rule["annotations"]["summary"].endswith(".") for rule in rules)


@pytest.mark.parametrize("unit", sorted(DEPLOY.glob("*.service")), ids=lambda path: path.name)
def test_a_systemd_unit_starts_a_command_that_exists(unit: Path) -> None:
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str
    parsed.read(unit)
    program, command, *_ = parsed["Service"]["ExecStart"].split()
    assert program.endswith("/bin/riffbird")
    assert CliRunner().invoke(build([command]), [command, "--help"]).exit_code == 0
    assert parsed["Service"]["NoNewPrivileges"] == "yes"
