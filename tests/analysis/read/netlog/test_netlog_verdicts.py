"""What is said of a session that only a NetLog shows."""

from __future__ import annotations

from pathlib import Path

from netlog_made import ERRORS, NetLog, page, request

from analysis.diagnose import diagnose
from analysis.model.diagnosis import Diagnosis, Severity

OF = "URL_REQUEST"


def judged(log: NetLog, folder: Path) -> Diagnosis:
    return diagnose(log.read(folder))


def test_a_healthy_session_has_nothing_worse_than_info(tmp_path: Path) -> None:
    diagnosis = judged(page(NetLog()), tmp_path)
    assert diagnosis.verdict.status.value == "ok"
    assert {finding.severity for finding in diagnosis.findings} <= {Severity.INFO}


def test_a_needed_script_that_an_extension_blocked_is_named_with_certainty(tmp_path: Path) -> None:
    log = page(NetLog())
    url = "https://chatgpt.com/cdn/assets/composer-abc.js"
    blocked = ERRORS["ERR_BLOCKED_BY_CLIENT"]
    request(log, 120, url, 0.3, status=None, error=blocked)
    (found,) = (
        item for item in judged(log, tmp_path).findings if item.severity is not Severity.INFO
    )
    assert found.id == "script.blocked_by_extension"
    assert found.confidence >= 0.9
    assert [piece.flow_id for piece in found.evidence][:1] == ["netlog-120"]


def test_a_name_that_is_denied_is_found_and_explains_what_failed(tmp_path: Path) -> None:
    log, denied = page(NetLog()), ERRORS["ERR_NAME_NOT_RESOLVED"]
    job = "SSL_CONNECT_JOB"
    for number in range(3):
        at, connect, source = 1.0 + number, 200 + 10 * number, 205 + 10 * number
        log.add("CONNECT_JOB", connect, job, at, "BEGIN")
        log.span("TCP_CONNECT_JOB_CONNECT", connect, job, at, at + 0.1, net_error=denied)
        log.add("REQUEST_ALIVE", source, OF, at, "BEGIN", url="wss://ws.chatgpt.com/p1/ws/user/x")
        bond = {"id": connect}
        log.add("HTTP_STREAM_REQUEST_BOUND_TO_JOB", source, OF, at, source_dependency=bond)
        log.add("REQUEST_ALIVE", source, OF, at + 0.1, "END", net_error=denied)
    diagnosis = judged(log, tmp_path)
    assert diagnosis.verdict.primary == "dns.nxdomain_filter"
    assert diagnosis.primary is not None
    assert diagnosis.primary.subjects == ("ws.chatgpt.com",)
