"use strict";
const announce = document.getElementById("announce");

async function copy(element) {
  const text = element.textContent;
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    return document.execCommand("copy");
  }
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const done = await copy(document.getElementById(button.dataset.copy));
    const words = announce.dataset; // in the language of the page
    button.textContent = done ? words.copied : words.selected;
    announce.textContent = done ? words.onCopied : words.onSelected;
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

function openTarget() {
  const target = document.getElementById(location.hash.slice(1));
  const folded = target && target.closest("details");
  if (folded) folded.open = true;
}
addEventListener("hashchange", openTarget);
openTarget();
