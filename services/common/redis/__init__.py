"""Redis clients with deadlines, and Lua scripts."""
