"""Dashboards as code: this package writes the JSON in `dashboards/` that Grafana is provisioned with."""
