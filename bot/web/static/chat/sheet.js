// Dialogs over the chat: the list picker (bottom sheet) and the enlarged picture.
// <dialog> traps focus, closes on Escape and gives focus back to what opened it.

import { h, icon } from "./dom.js";

function show(dialog, host) {
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  host.append(dialog);
  dialog.showModal();
}

/** Put a sheet at the foot of the chat, wherever on the page that is. */
function settle(dialog, host) {
  const box = host.getBoundingClientRect();
  const width = Math.min(box.width, 520);
  dialog.style.width = `${width}px`;
  dialog.style.left = `${box.left + (box.width - width) / 2}px`;
  dialog.style.bottom = `${innerHeight - box.bottom}px`;
  dialog.style.maxHeight = `${box.height * 0.86}px`;
}

/** Rows to choose from; `chosen(option)` is called once and the sheet closes. */
export function pickFrom(host, { title, text, options, texts, chosen }) {
  const rows = options.map((option) =>
    h(
      "li",
      {},
      h(
        "button",
        { type: "button", class: "pick", onclick: () => { dialog.close(); chosen(option); } },
        h("span", { class: "pick-title" }, option.title),
        option.description ? h("span", { class: "pick-detail" }, option.description) : null,
      ),
    ),
  );
  const dialog = h(
    "dialog",
    { class: "sheet", "aria-label": title },
    h(
      "div",
      { class: "sheet-head" },
      h("h2", {}, title),
      h("button", { type: "button", class: "round", "aria-label": texts.close, onclick: () => dialog.close() }, icon("close")),
    ),
    text ? h("p", { class: "sheet-text" }, text) : null,
    h("ul", { class: "picks" }, rows),
  );
  settle(dialog, host);
  show(dialog, host);
  const buttons = [...dialog.querySelectorAll(".pick")];
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = buttons.indexOf(document.activeElement) + step;
    buttons[(next + buttons.length) % buttons.length].focus();
  });
  buttons[0]?.focus();
}

/** One picture as large as the screen allows; a tap anywhere closes it. */
export function zoomInto(host, { url, alt, texts }) {
  const dialog = h(
    "dialog",
    { class: "zoom", "aria-label": alt },
    h("button", { type: "button", class: "round", "aria-label": texts.close, onclick: () => dialog.close() }, icon("close")),
    h("img", { src: url, alt, onclick: () => dialog.close() }),
  );
  show(dialog, host);
}
