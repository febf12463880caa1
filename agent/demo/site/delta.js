// Delta encoding v1: keeps the answer's text while frames arrive.
export class Answer {
  text = "";
  complete = false;
  handOff = null;
  #path = "";
  #operation = "";

  // Takes the text of one server-sent event; true once the stream has said [DONE].
  take(frame) {
    const data = frame.split("\n").filter((line) => line.startsWith("data: "))
      .map((line) => line.slice(6)).join("\n");
    if (data === "[DONE]") return true;
    const value = JSON.parse(data);
    if (value.type === "message_stream_complete") this.complete = true;
    if (value.type === "stream_handoff") this.handOff = value;
    if (frame.startsWith("event: delta\n")) this.#apply(value);
    return false;
  }

  #apply({ p = this.#path, o = this.#operation, v }) {
    this.#path = p;
    this.#operation = o;
    if (p === "/message/content/parts/0" && o === "append") this.text += v;
  }
}
