"""Drills: inject a fault, see its alert arrive, see its cause, repair it, see the alert end."""
