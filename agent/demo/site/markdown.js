// Loaded when the first answer is complete, as the real page loads its renderer late.
export function render(paragraph) {
  paragraph.dataset.rendered = "true";
}
