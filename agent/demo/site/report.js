// What the page saw; the inline script of the document holds it and sends it off.
export const { seen, fail, done } = window.demo;

export function newTurn(transport) {
  const turn = { transport, complete: false, events: 0, text: "" };
  seen.turns.push(turn);
  return turn;
}
