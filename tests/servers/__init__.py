"""Servers and helpers the tests and the demo run beside the agent.

`git_http` serves repositories as a git host does, `repository` makes them, `process`
starts and stops servers. With tests/ on PYTHONPATH: `python3 -m servers.git_http`.
"""
