"""`make soak`: the highest rate that the system holds, and whether it keeps up most of it."""
