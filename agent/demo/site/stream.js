// Reads an event stream from a fetch response, event by event, as it arrives.
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (pending + value).split("\n\n");
    pending = parts.pop();
    const arrived = performance.timeOrigin + performance.now();
    for (const frame of parts) yield { frame, arrived };
  }
}
