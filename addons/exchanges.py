"""Records HTTP exchanges: headers, timing marks and the chunk times of their bodies.

Nothing is held back: each chunk goes on at once and only its time and size are
kept.
"""

from __future__ import annotations

import re

from mitmproxy import connection, ctx, http

from addons.masking import mask_body, mask_headers, masked_copy
from addons.recording import Recording
from addons.streams import BodyWatch
from analysis.knowledge import hosts
from analysis.knowledge.secrets import redact_text, redact_url
from analysis.model.cookies import cookie_conflicts
from analysis.model.trace_page import EgressNames

# what is whole in a moment: less than a megabyte
_SMALL = re.compile(r"[0-9]{1,6}\Z")


class ExchangeRecorder:
    """Requests and responses of listed hosts; websockets end elsewhere."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._watches: dict[str, BodyWatch] = {}
        self._open: set[str] = set()
        self._egress = EgressNames()

    def flush(self) -> None:
        """Write the chunk times that still wait for their batch to fill."""
        for watch in list(self._watches.values()):
            watch.flush()

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        if not records(flow):
            return
        request = flow.request
        self._open.add(flow.id)
        facts = {
            "flow": flow.id,
            "c": flow.server_conn.id,
            "method": request.method[:20],
            "url": redact_url(request.pretty_url)[:2000],
            "http_version": request.http_version,
            "headers": _header_list(request.headers),
            "cookie_bytes": sum(len(value) for value in request.headers.get_all("cookie")),
            "cookie_conflicts": cookie_conflicts(request.headers.get_all("cookie")),
            "header_bytes": sum(len(k) + len(v) + 4 for k, v in request.headers.fields),
        }
        self._recording.event("request", facts, request.timestamp_start)
        # an upload goes on as it comes; an ordinary request is whole in a moment
        length = request.headers.get("content-length", "")
        if not _SMALL.match(length):
            request.stream = True

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        response = flow.response
        if not records(flow) or response is None:
            return
        facts = {
            "flow": flow.id,
            "c": flow.server_conn.id,
            "status": response.status_code,
            "http_version": response.http_version,
            "headers": _header_list(response.headers),
        }
        self._recording.event("response", facts, response.timestamp_start)
        if response.status_code == 101:
            return
        watch = BodyWatch(
            flow.id,
            response.headers.get("content-type", ""),
            response.headers.get("content-encoding", ""),
            keep=ctx.options.chatpath_bodies != "none",
            write=self._recording.event,
        )
        self._watches[flow.id] = watch
        response.stream = watch.chunk

    def response(self, flow: http.HTTPFlow) -> None:
        if flow.websocket is None:
            self._end(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        if isinstance(flow, http.HTTPFlow):
            self._end(flow)

    def _end(self, flow: http.HTTPFlow) -> None:
        if flow.id not in self._open:
            return
        self._open.discard(flow.id)
        watch = self._watches.pop(flow.id, None)
        facts: dict[str, object] = {"flow": flow.id}
        if watch is not None:
            watch.flush()
            facts.update(watch.facts())
        if flow.error is not None:
            facts["error"] = redact_text(_error(flow), 300)
        self._recording.event("end", facts)
        body = b""
        if watch is not None and watch.kept:
            full = ctx.options.chatpath_bodies == "full" and not watch.cut
            body = watch.decoded() if full else mask_body(bytes(watch.kept), flow, self._egress)
        self._recording.write_flow(masked_copy(flow, body))

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        self._open.discard(flow.id)


def _error(flow: http.HTTPFlow) -> str:
    """mitmproxy's message; HTTP/2's "peer closed connection" does not say which peer."""
    message = flow.error.msg if flow.error else ""
    gone = not flow.client_conn.state & connection.ConnectionState.CAN_READ
    return f"client disconnected ({message})" if gone else message


def records(flow: http.HTTPFlow) -> bool:
    """True for an exchange with a listed host; of others nothing is kept."""
    return hosts().is_chatgpt(flow.request.pretty_host)


def _header_list(headers: http.Headers) -> list[list[str]]:
    return [
        [name.decode("latin-1")[:100], value.decode("latin-1")[:500]]
        for name, value in mask_headers(headers).fields[:60]
    ]
