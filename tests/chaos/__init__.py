"""The proof that no accepted order is lost, in short."""
