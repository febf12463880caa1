"""All scenes, by name; importing the files below registers theirs."""

from __future__ import annotations

import scenes_cleartext
import scenes_device
import scenes_dns
import scenes_har
import scenes_healthy
import scenes_latency
import scenes_network
import scenes_packets
import scenes_proxy
import scenes_records
import scenes_scripts
import scenes_service
import scenes_tcp
import scenes_ws
import sessions_browser
import sessions_browser_healthy
import sessions_calm
import sessions_clear_wire
import sessions_fourth
import sessions_mirror
import sessions_odd_answers
import sessions_proxy_wire
import sessions_rare
import sessions_recorded
import sessions_reset_data
import sessions_third_browser
import sessions_third_wire
import sessions_two_ways
import sessions_unopened
import sessions_wire
from scene import SCENES, Scene

__all__ = [
    "SCENES",
    "Scene",
    "scenes_cleartext",
    "scenes_device",
    "scenes_dns",
    "scenes_har",
    "scenes_healthy",
    "scenes_latency",
    "scenes_network",
    "scenes_packets",
    "scenes_proxy",
    "scenes_records",
    "scenes_scripts",
    "scenes_service",
    "scenes_tcp",
    "scenes_ws",
    "sessions_browser",
    "sessions_browser_healthy",
    "sessions_calm",
    "sessions_clear_wire",
    "sessions_fourth",
    "sessions_mirror",
    "sessions_odd_answers",
    "sessions_proxy_wire",
    "sessions_rare",
    "sessions_recorded",
    "sessions_reset_data",
    "sessions_third_browser",
    "sessions_third_wire",
    "sessions_two_ways",
    "sessions_unopened",
    "sessions_wire",
]
