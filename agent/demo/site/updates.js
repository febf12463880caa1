// The websocket that carries updates and the answers of handed-over turns.
import { get } from "./net.js";
import { seen } from "./report.js";
import { sleep } from "./runtime.js";

const ATTEMPTS = 3;

export class Updates {
  #socket = null;
  #commands = 0;
  #onMessage = () => {};
  #onClose = () => {};

  // Resolves when the socket is open, rejects when it could not be opened.
  async open() {
    const { websocket_url: url } = await get("/backend-api/celsius/ws/user");
    await new Promise((resolve, reject) => {
      const socket = new WebSocket(url);
      socket.onopen = () => {
        seen.websocket.opened += 1;
        this.#socket = socket;
        this.#command({ type: "connect", presence: { type: "presence", state: "background" } });
        resolve();
      };
      socket.onmessage = ({ data }) => {
        const messages = JSON.parse(data);
        for (const message of Array.isArray(messages) ? messages : [messages]) {
          this.#onMessage(message);
        }
      };
      socket.onclose = ({ code, wasClean }) => {
        seen.websocket.closes.push({ code, was_clean: wasClean });
        this.#socket = null;
        reject(new Error(`websocket closed with ${code}`));
        this.#onClose(new Error(`websocket closed with ${code}`));
      };
    });
  }

  // Feeds the stream items of a handed-over turn to `take` until it says that it is done.
  async follow({ conversation_id: conversation, options: [{ topic_id: topic }] }, take) {
    const known = new Set();
    for (let attempt = 1; ; attempt += 1) {
      try {
        if (!this.#socket) await this.open();
        return await this.#subscribe(topic, known, take);
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
        await sleep(150 * attempt);
        await get(`/backend-api/conversation/${conversation}/stream_status`);
      }
    }
  }

  close() {
    this.#onClose = () => {};
    this.#socket?.close(1000);
  }

  #subscribe(topic, known, take) {
    return new Promise((resolve, reject) => {
      const item = (message) => {
        if (message.topic_id !== topic) return;
        const inner = message.payload.payload;
        if (inner.type === "done") resolve();
        if (inner.type !== "stream-item" || known.has(inner.stream_item_id)) return;
        known.add(inner.stream_item_id);
        seen.websocket.items += 1;
        take(inner.encoded_item);
      };
      this.#onMessage = (message) => {
        (message.reply?.catchups ?? [message]).forEach(item);
      };
      this.#onClose = reject;
      this.#command({ type: "subscribe", topic_id: topic, offset: String(known.size) });
    });
  }

  #command(command) {
    this.#commands += 1;
    this.#socket.send(JSON.stringify([{ id: this.#commands, command }]));
  }
}
