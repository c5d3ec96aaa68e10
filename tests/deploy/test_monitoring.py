"""The dashboard and the alert rules, against the metrics that there are."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gateway.closed_labels import CLOSED, begin_at_zero
from gateway.metrics import Metrics
from tests.deploy.proxies import SHIPPED, found

BOARD: dict[str, Any] = json.loads((SHIPPED / "grafana.json").read_text())
PANELS: list[dict[str, Any]] = BOARD["panels"]
CHARTS = [panel for panel in PANELS if panel["type"] != "row"]
ALERTS = (SHIPPED / "alerts.yml").read_text()
OF_THE_SCRAPE = {"job", "instance"}
"""Labels that Prometheus adds."""
UP = "up"
"""The metric that it adds."""
SELECTOR = re.compile(r"\b([a-z_]+)(?:\{([^}]*)\})")
NAME = re.compile(r"\b(?:gateway|process)_[a-z_]+\b")
GROUPING = re.compile(r"\bby \(([^)]*)\)")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')


def known() -> dict[str, dict[str, set[str]]]:
    """The series that a gateway shows: name, then label, then its values."""
    metrics = Metrics()
    begin_at_zero(metrics)
    series: dict[str, dict[str, set[str]]] = {}
    for family in metrics.registry.collect():
        for sample in family.samples:
            labels = series.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return series


KNOWN = known()
BOARD_QUERIES = [target["expr"] for panel in CHARTS for target in panel["targets"]]
ALERT_QUERIES = [
    " ".join(query.split())
    for query in re.findall(r"^        expr: (?:>-\n)?(.*(?:\n          .*)*)$", ALERTS, re.MULTILINE)
]
QUERIES = BOARD_QUERIES + ALERT_QUERIES


def test_every_rule_has_a_query_that_is_checked_here() -> None:
    assert len(ALERT_QUERIES) == ALERTS.count("- alert:") == ALERTS.count("severity: ") - 1
    assert len(CHARTS) > 20


@pytest.mark.parametrize("query", QUERIES)
def test_query_asks_for_metrics_and_labels_that_there_are(query: str) -> None:
    names = set(NAME.findall(query))
    assert names or query.startswith(UP)
    assert names <= KNOWN.keys()
    for name, matchers in SELECTOR.findall(query):
        for label, how, value in MATCHER.findall(matchers):
            if label in OF_THE_SCRAPE:
                continue
            assert label in KNOWN[name], f"{name} has no {label}"
            wanted = value.split("|") if how == "=~" else [value]
            assert set(wanted) <= KNOWN[name][label], f"{label} of {name} is never {value}"
    labels = {label for name in names for label in KNOWN[name]} | OF_THE_SCRAPE
    for grouping in GROUPING.findall(query):
        assert {label.strip() for label in grouping.split(",")} <= labels


def test_every_metric_of_ours_is_on_the_dashboard() -> None:
    shown = {name for query in BOARD_QUERIES for name in NAME.findall(query)}
    families = {family.name for family in Metrics().registry.collect() if family.name.startswith("gateway_")}

    assert [family for family in families if not any(name.startswith(family) for name in shown)] == []


def test_every_label_is_of_a_closed_list() -> None:
    metrics = Metrics()
    labelled = {name for name, each in vars(metrics).items() if getattr(each, "_labelnames", ())}

    assert labelled == CLOSED.keys()


def test_panels_ask_the_source_that_was_chosen_and_say_what_they_show() -> None:
    source = {"type": "prometheus", "uid": "${datasource}"}
    assert [each["name"] for each in BOARD["templating"]["list"]] == ["datasource", "job", "instance"]
    for panel in CHARTS:
        assert panel["datasource"] == source
        assert all(target["datasource"] == source for target in panel["targets"])
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]
    for query in BOARD_QUERIES:
        assert all(
            'job=~"$job", instance=~"$instance"' in matchers for _, matchers in SELECTOR.findall(query)
        )


def test_panels_have_names_of_their_own_and_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not taken & cells, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in PANELS}) == len({panel["title"] for panel in PANELS}) == len(PANELS)


def promtool(*arguments: str, folder: Path) -> str:
    """Run Prometheus's own check; give what it says."""
    command = [found("promtool"), *arguments]
    checked = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    return checked.stdout


def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(ALERTS)

    assert f"{ALERTS.count('- alert:')} rules found" in promtool(
        "check", "rules", "alerts.yml", folder=tmp_path
    )


def test_alerts_fire_when_they_should(tmp_path: Path) -> None:
    (tmp_path / "alerts.yml").write_text(ALERTS)
    shutil.copy(Path(__file__).parent / "alerts_test.yml", tmp_path)

    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yml", folder=tmp_path)


def test_prometheus_understands_the_queries_of_the_dashboard(tmp_path: Path) -> None:
    plain = [query.replace("$__rate_interval", "5m") for query in BOARD_QUERIES]
    rules = [{"record": f"panel:{n}", "expr": query} for n, query in enumerate(plain)]
    groups = {"groups": [{"name": "dashboard", "rules": rules}]}
    (tmp_path / "dashboard.yml").write_text(json.dumps(groups))  # JSON is YAML

    assert f"{len(rules)} rules found" in promtool("check", "rules", "dashboard.yml", folder=tmp_path)
