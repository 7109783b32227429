"""Runs the whole system natively: finds or installs the servers, starts, waits, stops. Linux only.

From a shell: ``python -m stack up|down|status``. From tests, chaos runs and the demo, the parts of it:

* ``stack.up.up(layout, progress)`` and ``stack.down.down(layout, progress)`` are the two commands.
* ``stack.up.restart(layout, "worker", progress)`` starts one component again as it was, on its ports, for
  example after ``os.kill(process.pid, SIGKILL)``.
* ``stack.state.load(layout)`` says what was started: the ports, and a ``Process`` for each component. Its pid
  is the server's own (there is no wrapper script in between), so signals reach the server.
* ``stack.servers.rabbitmq.spec(node, environ)`` and its siblings are pure: they return a ``Spec``, which says
  how to run a server and when it is ready. Name, ports and folder are parameters: run as many as you like.
* ``stack.startup.begin(spec, run_dir)`` starts a ``Spec``, ``stack.startup.is_ready(...)`` looks at it;
  ``stack.startup.start_all`` does both for many at once, in the order they need.
* ``stack.processes.start`` and ``stop`` are below that: one process, and the end of it and all its children.

A run directory holds everything: ``data/NAME``, ``logs/NAME.log``, ``stack.json`` (what runs) and
``endpoints.json`` (where). Two stacks in two run directories do not meet.
"""
