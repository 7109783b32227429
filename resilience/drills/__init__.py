"""Drills: inject a fault, wait for its alert, find its cause, repair it, wait until the alert is resolved."""
