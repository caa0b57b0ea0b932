"""What deploy/ has for Prometheus and Grafana."""

import json

import yaml

from tests.harness.nginx import DEPLOY


def expressions() -> str:
    """All queries of the dashboard and the rules."""
    dashboard = json.loads((DEPLOY / "grafana/dashboard.json").read_text())
    rules = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return "\n".join([*expressions, *(rule["expr"] for group in rules["groups"] for rule in group["rules"])])
