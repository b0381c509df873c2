# SPDX-License-Identifier: MIT
"""A small EC2 region in one process, for tests, demo and benchmark.

    PYTHONPATH=tests python3 -m region        start it (see __main__.py)
    from region.client import Region          start it from a test

One picture:

    agent ── IMDS port of its instance ── imds.py ──────┐
          └─ AWS port ── aws.py ── signature.py         ├── instance.py (states, hooks)
                          └ query.py, jsonrpc.py        │
                          └ autoscaling.py ─────────────┤
                          └ ssm.py, secretsmanager.py ──┘
    test  ── control port ── control.py ── faults.py, calls.py

state.py holds it all together. Only the standard library and python3-botocore. `http.py` is an
own server, so that a fault can break any rule of HTTP; the region breaks none unless asked to.

To add an action: a function and a row in its service's file. A service: a file like it and a
row in aws.SERVICES. A fault: a function and a row in faults.py. A category of metadata: a line in
imds.metadata(). A launch option: a row in instance.LAUNCH. A control request: a row in ROUTES.
"""
