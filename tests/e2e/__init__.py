"""The whole stack: three processes, real servers, the trace store and the inbox."""
