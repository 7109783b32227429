"""Tests: unit and contract without servers, integration on real servers, e2e on the real processes."""
