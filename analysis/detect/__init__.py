"""Detectors: tables in, findings out. Pure functions without I/O and clock.

Each `find_*` claims one finding of the catalogue (or a few that share their
ground); its module says what it needs and what it does not prove.  To add one,
write the module and name its function in DETECTORS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from analysis.detect.account import find_account_session_expired, find_account_state
from analysis.detect.allowlist import find_allowlist_missing_entry
from analysis.detect.answers_broken import (
    find_quic_blocked_by_error,
    find_tls_opened_and_broken,
)
from analysis.detect.browser_state import (
    find_browser_extension_interferes,
    find_browser_stale_cache,
)
from analysis.detect.capture import find_capture_lossy, find_capture_own_effect
from analysis.detect.challenges import find_bot_challenge, find_bot_unusual_activity
from analysis.detect.clock import find_device_clock_skew
from analysis.detect.cookies import find_browser_cookie_conflict, find_browser_cookies_too_big
from analysis.detect.dns_block_cname import find_dns_block_cname
from analysis.detect.dns_by_failure import (
    find_dns_nxdomain_by_failure,
    find_dns_resolver_failing_by_failure,
    find_dns_sinkhole_by_failure,
    find_dns_sinkhole_by_invalid_address,
)
from analysis.detect.dns_dnssec import find_dns_dnssec_failure
from analysis.detect.dns_ede import find_dns_ede_filtered
from analysis.detect.dns_encrypted import find_dns_doh_hidden, find_dns_doh_policy
from analysis.detect.dns_fallback import find_dns_timeout_by_fallback
from analysis.detect.dns_hosts_file import find_dns_hosts_file
from analysis.detect.dns_injected import find_dns_injected
from analysis.detect.dns_nxdomain import find_dns_nxdomain_filter
from analysis.detect.dns_sinkhole import find_dns_sinkhole
from analysis.detect.dns_unanswered import (
    find_dns_resolver_failing,
    find_dns_slow,
    find_dns_timeout,
)
from analysis.detect.egress import find_net_split_egress
from analysis.detect.exit_refused import find_geo_blocked, find_ip_reputation_block
from analysis.detect.files_link import (
    find_file_interpreter_unavailable,
    find_file_link_expired,
    find_file_too_large,
)
from analysis.detect.files_transfer import find_file_download_cut, find_file_upload_host_blocked
from analysis.detect.latency import find_proxy_latency, find_vpn_latency
from analysis.detect.net_firewall import find_net_firewall_ip_block
from analysis.detect.net_ipv6 import find_net_ipv6_broken
from analysis.detect.net_offline import find_net_offline_gap
from analysis.detect.portal import find_net_captive_portal
from analysis.detect.presence import (
    find_proxy_detected,
    find_vpn_detected,
    find_vpn_fake_ip_dns,
)
from analysis.detect.proxy_refused import find_proxy_auth_required, find_proxy_denied
from analysis.detect.proxy_settings import (
    find_proxy_bypassed_by_websocket,
    find_proxy_dead_setting,
)
from analysis.detect.quic import find_quic_blocked
from analysis.detect.rate_limited import find_rate_limited
from analysis.detect.rate_storm import find_rate_retry_storm
from analysis.detect.script_blocked import (
    find_script_blocked_by_extension,
    find_script_blocked_by_network,
    find_script_blocked_by_policy,
)
from analysis.detect.script_host_reset import find_script_host_reset
from analysis.detect.script_replaced import find_script_replaced, find_script_stale_build
from analysis.detect.script_telemetry import find_script_telemetry_blocked
from analysis.detect.service_errors import (
    find_service_api_error,
    find_service_fine_tuning_failed,
    find_service_overloaded,
)
from analysis.detect.service_outage import find_service_outage
from analysis.detect.service_status import find_service_status_unknown
from analysis.detect.sse import find_sse_buffered, find_sse_cut, find_sse_unanswered
from analysis.detect.sse_empty import find_sse_empty
from analysis.detect.sse_error import find_sse_server_error
from analysis.detect.sse_stalled import find_sse_stalled
from analysis.detect.sse_wire import find_sse_cut_on_wire, find_sse_stalled_on_wire
from analysis.detect.tcp_idle import find_tcp_reset_after_idle
from analysis.detect.tcp_loss import find_tcp_loss
from analysis.detect.tcp_mtu import find_tcp_mtu_blackhole
from analysis.detect.tcp_reset import find_tcp_reset_injected
from analysis.detect.tcp_reset_after_data import find_tcp_reset_after_data
from analysis.detect.tcp_unreachable import find_tcp_refused, find_tcp_unreachable
from analysis.detect.tcp_zero_window import find_tcp_zero_window
from analysis.detect.tls_alerts import find_tls_cert_refused, find_tls_handshake_failure
from analysis.detect.tls_certificate import find_tls_cert_invalid, find_tls_intercept_breaks
from analysis.detect.tls_failure_by_error import find_tls_failure_by_error
from analysis.detect.tls_in_clear import find_tls_answered_in_clear
from analysis.detect.tls_intercepted import find_tls_intercepted
from analysis.detect.tls_pq import find_tls_pq_hello_dropped
from analysis.detect.tls_sni import find_tls_sni_blocked
from analysis.detect.tls_sni_by_error import find_tls_sni_blocked_by_error
from analysis.detect.voice import find_voice_udp_blocked
from analysis.detect.ws_closed import find_ws_closed_by_server
from analysis.detect.ws_dropped import find_ws_dropped, find_ws_idle_timeout
from analysis.detect.ws_frames import find_ws_frames_lost, find_ws_stalled
from analysis.detect.ws_open import find_ws_connect_failed, find_ws_upgrade_stripped
from analysis.model.diagnosis import Finding
from analysis.model.frames import Tables

type Detector = Callable[[Tables], Iterator[Finding]]

DETECTORS: tuple[Detector, ...] = (
    find_dns_sinkhole,
    find_dns_block_cname,
    find_dns_nxdomain_filter,
    find_dns_ede_filtered,
    find_dns_sinkhole_by_failure,
    find_dns_sinkhole_by_invalid_address,
    find_dns_nxdomain_by_failure,
    find_dns_resolver_failing_by_failure,
    find_dns_injected,
    find_dns_resolver_failing,
    find_dns_timeout,
    find_dns_slow,
    find_dns_timeout_by_fallback,
    find_tcp_unreachable,
    find_tcp_refused,
    find_tcp_reset_injected,
    find_tcp_reset_after_data,
    find_tcp_reset_after_idle,
    find_tcp_loss,
    find_tcp_mtu_blackhole,
    find_tcp_zero_window,
    find_net_offline_gap,
    find_net_ipv6_broken,
    find_net_firewall_ip_block,
    find_tls_sni_blocked,
    find_tls_failure_by_error,
    find_tls_sni_blocked_by_error,
    find_tls_pq_hello_dropped,
    find_tls_handshake_failure,
    find_tls_answered_in_clear,
    find_tls_cert_refused,
    find_quic_blocked,
    find_quic_blocked_by_error,
    find_dns_dnssec_failure,
    find_dns_hosts_file,
    find_dns_doh_hidden,
    find_dns_doh_policy,
    find_device_clock_skew,
    find_net_captive_portal,
    find_net_split_egress,
    find_vpn_detected,
    find_vpn_fake_ip_dns,
    find_vpn_latency,
    find_proxy_detected,
    find_proxy_latency,
    find_proxy_denied,
    find_proxy_auth_required,
    find_proxy_dead_setting,
    find_proxy_bypassed_by_websocket,
    find_tls_intercepted,
    find_tls_intercept_breaks,
    find_tls_opened_and_broken,
    find_tls_cert_invalid,
    find_voice_udp_blocked,
    find_allowlist_missing_entry,
    find_script_blocked_by_extension,
    find_script_blocked_by_network,
    find_script_blocked_by_policy,
    find_script_host_reset,
    find_script_replaced,
    find_script_stale_build,
    find_script_telemetry_blocked,
    find_ws_connect_failed,
    find_ws_upgrade_stripped,
    find_ws_dropped,
    find_ws_idle_timeout,
    find_ws_frames_lost,
    find_ws_stalled,
    find_ws_closed_by_server,
    find_sse_cut,
    find_sse_unanswered,
    find_sse_empty,
    find_sse_cut_on_wire,
    find_sse_buffered,
    find_sse_stalled,
    find_sse_stalled_on_wire,
    find_sse_server_error,
    find_service_outage,
    find_service_overloaded,
    find_service_api_error,
    find_service_fine_tuning_failed,
    find_service_status_unknown,
    find_bot_challenge,
    find_bot_unusual_activity,
    find_ip_reputation_block,
    find_geo_blocked,
    find_rate_limited,
    find_rate_retry_storm,
    find_account_session_expired,
    find_account_state,
    find_browser_cookies_too_big,
    find_browser_cookie_conflict,
    find_browser_stale_cache,
    find_browser_extension_interferes,
    find_file_link_expired,
    find_file_too_large,
    find_file_upload_host_blocked,
    find_file_download_cut,
    find_file_interpreter_unavailable,
    find_capture_lossy,
    find_capture_own_effect,
)
"""All detectors, lowest layer first."""


def detect(tables: Tables, added: Sequence[Detector] = ()) -> list[Finding]:
    """Every finding of every detector, ours and then those `added`; no error is swallowed."""
    return [finding for detector in (*DETECTORS, *added) for finding in detector(tables)]
