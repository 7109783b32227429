"""Proofs against a running stack: chaos and drills."""
