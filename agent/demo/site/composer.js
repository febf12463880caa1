// The input box and the thread above it. Without this script nothing can be sent.
const thread = document.getElementById("thread");

export function mount() {
  const box = document.createElement("textarea");
  box.placeholder = "Ask anything";
  document.getElementById("composer").append(box);
}

export function say(role, text) {
  const paragraph = document.createElement("p");
  paragraph.className = role;
  paragraph.textContent = text;
  thread.append(paragraph);
  return paragraph;
}
