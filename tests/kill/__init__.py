# SPDX-License-Identifier: MIT
"""The kill harness: one process at a time dies at a commit point, and nothing is lost."""
