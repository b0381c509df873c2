# SPDX-License-Identifier: MIT
"""A simulated instance: the box that demo, integration tests, kill harness and bench share."""
