// A conversation's page: merges fresh lines, keeps what is in hand, canned replies, viewers.
// Everything here also works without it, as plain forms.

const chat = document.querySelector(".chat");
const form = document.getElementById("compose");
const text = document.getElementById("text");
const lines = document.getElementById("transcript");
const VIEWING_MS = 8_000;
const TYPING_MS = 3_000;

/* Fresh lines: only what changed is touched, so that nothing is announced or moved twice. */
function merge(markup) {
  const fresh = new DOMParser().parseFromString(`<ol>${markup}</ol>`, "text/html").body.firstChild;
  const wanted = [...fresh.children].filter((line) => !line.classList.contains("older"));
  const ids = new Set(wanted.map((line) => line.id));
  for (const line of [...lines.children]) {
    if ((line.id.startsWith("o") && !ids.has(line.id) && !line.classList.contains("older")) || line.id === "nothing") line.remove();
  }
  let after = null;
  for (const line of wanted) {
    const known = document.getElementById(line.id);
    if (known) {
      const open = [...known.querySelectorAll("details")].map((each) => each.open);
      if (!open.some(Boolean) && known.innerHTML !== line.innerHTML) {
        known.className = line.className;
        known.innerHTML = line.innerHTML;
        htmx.process(known);
      }
      after = known;
    } else {
      after ? after.after(line) : lines.append(line);
      htmx.process(line);
      after = line;
    }
  }
}

/* What somebody is using stays: a menu that is open, a field that has the focus. */
const inUse = (node) => node.contains(document.activeElement) || node.querySelector("details[open]");

document.body.addEventListener("htmx:beforeSwap", (event) => {
  const { target, xhr, requestConfig } = event.detail;
  if (target === lines && requestConfig.triggeringEvent?.type === "live") {
    event.detail.shouldSwap = false;
    if (xhr.status === 200) merge(xhr.responseText);
  } else if (target.id === "chat-head" && inUse(target)) {
    event.detail.shouldSwap = false;
    target.dataset.late = "yes";
  }
});
document.getElementById("chat-head").addEventListener("focusout", (event) => {
  const node = event.currentTarget;
  setTimeout(() => {
    if (node.dataset.late && !inUse(node)) { delete node.dataset.late; htmx.trigger(node, "live"); }
  }, 200);
});
document.body.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target.id === "window") followWindow(); });

/* One menu at a time; Escape closes it and gives the focus back. */
document.addEventListener("toggle", (event) => {
  if (!event.target.matches?.(".chat-menu") || !event.target.open) return;
  for (const other of document.querySelectorAll(".chat-menu[open]")) if (other !== event.target) other.open = false;
  event.target.querySelector("input:not([type=hidden]), select, button")?.focus();
}, true);
document.addEventListener("keydown", (event) => {
  const menu = document.querySelector(".chat-menu[open]");
  if (event.key === "Escape" && menu) { menu.open = false; menu.querySelector("summary").focus(); }
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".chat-menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

/* The window may close while somebody types: the text stays, the template picker opens. */
function followWindow() {
  const shown = document.querySelector("#window .window");
  const composer = document.getElementById("composer");
  const closed = shown?.dataset.open === "no" && shown.dataset.mine === "yes";
  if (closed && !("closed" in composer.dataset)) {
    const picker = composer.querySelector(".templates");
    if (picker) picker.open = true;
    copyDraft();
  }
  closed ? (composer.dataset.closed = "") : delete composer.dataset.closed;
  const lost = document.querySelector("#window [data-lost]");
  if (lost) lost.hidden = !form.action.endsWith("/send"); // it was ours when this page was made
}
function copyDraft() {
  for (const field of document.querySelectorAll("[data-from-draft]")) if (!field.value) field.value = text.value.replace(/\s+/g, " ").slice(0, 600);
  for (const field of document.querySelectorAll("[data-mirror]")) field.value = text.value;
}

/* Counting, preview, more rows. */
const mode = () => form.elements.mode?.value || "note";
function count() {
  const used = [...form.querySelectorAll("[name=option_title]")].filter((each) => each.value.trim()).length;
  const limit = mode() === "note" ? 4000 : used ? 1024 : 1600;
  const length = [...text.value].length;
  document.getElementById("count").textContent = length > limit * 0.7 ? `${length} of ${limit}` : "";
}
let previewing;
form.addEventListener("input", () => {
  count();
  clearTimeout(previewing);
  if (document.getElementById("previewer")?.open) previewing = setTimeout(() => htmx.trigger("#preview", "preview"), 400);
});
document.getElementById("previewer")?.addEventListener("toggle", (event) => { if (event.target.open && !event.target.querySelector(".bubble")) htmx.trigger("#preview", "preview"); });
form.querySelector("[data-more]")?.addEventListener("click", (event) => {
  event.preventDefault();
  const rows = form.querySelector(".builder-rows");
  if (rows.children.length >= 10) return;
  const row = rows.lastElementChild.cloneNode(true);
  const number = rows.children.length + 1;
  for (const field of row.querySelectorAll("input, select")) {
    field.value = "";
    field.setAttribute("aria-label", field.getAttribute("aria-label").replace(/\d+/, number));
  }
  rows.append(row);
  row.querySelector("input").focus();
});

/* A second press while it leaves does nothing; the key guards it on the server too. */
form.addEventListener("submit", (event) => {
  if (event.submitter?.name === "do") return;
  if (form.dataset.leaving) { event.preventDefault(); return; }
  form.dataset.leaving = "yes";
});
addEventListener("pageshow", () => delete form.dataset.leaving);

/* `/` at the start of a word offers canned replies. */
const list = document.getElementById("canned");
let chosen = -1;
let asked = 0;
function typed() {
  const before = text.value.slice(0, text.selectionStart);
  return mode() === "reply" ? /(?:^|\s)\/([\w-]*)$/.exec(before) : null;
}
function close() { list.hidden = true; chosen = -1; text.removeAttribute("aria-activedescendant"); }
function mark(next) {
  const items = list.querySelectorAll("[role=option]:not(.none)");
  if (!items.length) return;
  chosen = (next + items.length) % items.length;
  items.forEach((item, number) => item.setAttribute("aria-selected", String(number === chosen)));
  items[chosen].scrollIntoView({ block: "nearest" });
  text.setAttribute("aria-activedescendant", items[chosen].id);
}
async function offer() {
  const found = typed();
  if (!found) return close();
  const mine = ++asked;
  const answer = await fetch(`${chat.dataset.canned}?q=${encodeURIComponent(found[1])}`, { headers: { "HX-Request": "true" } });
  if (mine !== asked || !answer.ok) return;
  list.innerHTML = await answer.text();
  list.hidden = false;
  mark(0);
}
function put(item) {
  const found = typed();
  if (!found || !item) return;
  const from = text.selectionStart - found[1].length - 1;
  text.setRangeText(item.dataset.text, from, text.selectionStart, "end");
  const options = JSON.parse(item.dataset.options || "[]");
  const rows = form.querySelectorAll("[name=option_title]");
  options.slice(0, rows.length).forEach((option, number) => { rows[number].value = option.title; });
  if (options.length) document.getElementById("builder").open = true;
  const place = /\{\w+\}/.exec(text.value);
  if (place) text.setSelectionRange(place.index, place.index + place[0].length);
  close();
  text.focus();
  form.dispatchEvent(new Event("input", { bubbles: true }));
}
text.addEventListener("input", offer);
text.addEventListener("keydown", (event) => {
  if (list.hidden) return;
  if (event.key === "ArrowDown") mark(chosen + 1);
  else if (event.key === "ArrowUp") mark(chosen - 1);
  else if (event.key === "Enter" || event.key === "Tab") put(list.querySelector("[aria-selected=true]"));
  else if (event.key === "Escape") { close(); event.stopPropagation(); }
  else return;
  event.preventDefault();
});
list.addEventListener("mousedown", (event) => { event.preventDefault(); put(event.target.closest("[data-text]")); });
text.addEventListener("blur", () => setTimeout(close, 150));

/* Others see who is here and who types. */
let state = "here";
let told = 0;
function tell(next, beacon = false) {
  const now = Date.now();
  if (!beacon && next === state && now - told < (next === "typing" ? TYPING_MS : VIEWING_MS - 500)) return;
  state = next;
  told = now;
  const body = new URLSearchParams({ csrf: form.elements.csrf.value, state: next });
  if (beacon) navigator.sendBeacon(chat.dataset.viewing, body);
  else fetch(chat.dataset.viewing, { method: "POST", body, keepalive: true }).catch(() => {});
}
let pause;
text.addEventListener("input", () => { tell("typing"); clearTimeout(pause); pause = setTimeout(() => tell("here"), TYPING_MS * 2); });
setInterval(() => { if (!document.hidden) tell(state); }, VIEWING_MS);
addEventListener("pagehide", () => tell("left", true));
tell("here");

/* Pictures open large. */
const zoom = document.getElementById("zoom");
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-zoom]");
  if (!link) return;
  event.preventDefault();
  const image = zoom.querySelector("img");
  image.src = link.href;
  image.alt = link.querySelector("img").alt;
  zoom.showModal();
});
zoom.addEventListener("click", (event) => { if (event.target === zoom) zoom.close(); });

followWindow();
copyDraft();
count();
