# SPDX-License-Identifier: MIT
"""Workers by hand: one JSON request in, JSON lines out."""
