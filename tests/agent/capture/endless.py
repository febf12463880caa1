"""A capture that streams until it is killed: run by the test of an abrupt end.

Prints ``streaming N`` once N chunks of the answer were recorded and flushed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from agent.capture.session import CaptureSettings, Running, capture
from agent.demo.client import run_client
from agent.demo.scenes import scene_named
from agent.demo.stage import demo_stage

WANTED = 3


def recorded_chunks(bundle: Path) -> int:
    """Chunks of the answer that the journal on the disk holds."""
    count = 0
    for line in (bundle / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        count += len(event["ms"]) if event["e"] == "chunks" and "sse" in event else 0
    return count


def main() -> None:
    bundle = Path(sys.argv[1])
    with (
        tempfile.TemporaryDirectory() as folder,
        demo_stage(scene_named("healthy"), Path(folder)) as stage,
    ):

        async def client(running: Running) -> None:
            assert running.proxy is not None
            assert running.ca_file is not None
            session = asyncio.create_task(
                asyncio.to_thread(run_client, running.proxy, running.ca_file, stage.url)
            )
            while (count := recorded_chunks(bundle)) < WANTED:
                assert not session.done()
                await asyncio.sleep(0.02)
            print(f"streaming {count}", flush=True)
            await asyncio.Event().wait()

        capture(
            CaptureSettings(
                out=bundle,
                nameserver=stage.nameserver,
                roots=(stage.ca_file,),
                interfaces=("lo",),
                only_ports=stage.ports,
                use_system_proxy=False,
            ),
            client,
        )


if __name__ == "__main__":
    main()
