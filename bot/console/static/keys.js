// Single keys and the command palette. An element with data-key="t" answers to that key (or to
// what it was remapped to); keys are off while typing and can be turned off (WCAG 2.1.4).

const board = JSON.parse(document.body.dataset.keys ?? '{"on":false,"rows":[]}');
const GO = { i: "/", t: "/tickets", d: "/incidents", p: "/piles", a: "/approvals" };
const LIST = "pilebot-list"; // the conversations of the list somebody came from
let waitsForPlace = false;

function isTyping(target) {
  return target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]") !== null;
}

function usual(pressed) {
  const row = board.rows.find((each) => each.press === pressed);
  return row ? row.key : board.rows.some((each) => each.key === pressed) ? null : pressed;
}

function visible(element) {
  return element.getClientRects().length > 0;
}

function use(element) {
  if (element.matches("form")) element.requestSubmit();
  else if (element.matches("summary")) {
    element.parentElement.open = true;
    (element.parentElement.querySelector("input:not([type=hidden]), select, textarea, button") ?? element).focus();
  } else if (element.matches("input[type=radio]")) {
    element.click();
    document.getElementById("text")?.focus();
  } else element.click();
}

function step(by) {
  const rows = [...document.querySelectorAll(".rows .row-link")];
  if (rows.length) {
    const at = rows.indexOf(document.activeElement);
    rows[Math.min(rows.length - 1, Math.max(0, at + by))]?.focus();
    return;
  }
  const here = document.querySelector("[data-conversation]")?.dataset.conversation;
  const list = JSON.parse(sessionStorage.getItem(LIST) ?? "[]");
  const next = list[list.indexOf(here) + by];
  if (here && next) location.assign(`/conversations/${next}`);
}

function rememberList() {
  const rows = [...document.querySelectorAll("#inbox [data-conversation]")];
  if (rows.length) sessionStorage.setItem(LIST, JSON.stringify(rows.map((row) => row.dataset.conversation)));
}

function onKey(event) {
  if (event.defaultPrevented) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    return openPalette();
  }
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
    const form = event.target.closest?.("form");
    const send = form?.querySelector("[data-send]") ?? form?.querySelector("button.button-primary");
    if (send && !send.disabled) {
      event.preventDefault();
      form.requestSubmit(send);
    }
    return;
  }
  if (event.key === "Escape" && event.target.id === "text") return event.target.blur(); // keys work again
  if (!board.on || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : "";
  if (waitsForPlace) {
    waitsForPlace = false;
    if (GO[key]) {
      event.preventDefault();
      location.assign(GO[key]);
    }
    return;
  }
  const meant = usual(key);
  if (key === "g") waitsForPlace = true;
  else if (meant === "j" || meant === "k") step(meant === "j" ? 1 : -1);
  else if (meant === "?") showKeys();
  else if (key === "/" && document.getElementById("text")) {
    event.preventDefault();
    const text = document.getElementById("text");
    text.focus();
    if (!text.value) {
      text.value = "/";
      text.dispatchEvent(new Event("input", { bubbles: true }));
    }
  } else {
    const element = meant && [...document.querySelectorAll(`[data-key="${CSS.escape(meant)}"]`)].find(visible);
    if (!element) return;
    event.preventDefault();
    use(element);
  }
}

// --- the palette ---------------------------------------------------------------------------------

const palette = document.getElementById("palette");
let commands = [];
let chosen = 0;

function collect() {
  const links = [...document.querySelectorAll(".nav a, .subtabs a, .views a")].map((link) => ({
    text: link.textContent.trim().replace(/\s+/g, " "),
    kind: "Go to",
    run: () => location.assign(link.href),
  }));
  const actions = [...document.querySelectorAll("main [data-key]")].filter(visible).map((element) => ({
    text: (element.textContent.trim() || element.parentElement.textContent.trim()).replace(/\s+/g, " "),
    kind: "Do",
    run: () => use(element),
  }));
  const rest = [
    { text: "Show the keys", kind: "Help", run: showKeys },
    { text: "Switch between dark and light", kind: "Look", run: switchTheme },
  ];
  return [...actions, ...links, ...rest].filter((one) => one.text);
}

function matches(text, typed) {
  return typed.toLowerCase().split(/\s+/).every((word) => text.toLowerCase().includes(word));
}

function draw() {
  const typed = palette.querySelector("input").value.trim();
  commands = collect().filter((one) => !typed || matches(`${one.kind} ${one.text}`, typed)).slice(0, 12);
  if (typed) commands.push({ text: `Search for “${typed}”`, kind: "Find", run: () => location.assign(`/search?q=${encodeURIComponent(typed)}`) });
  chosen = Math.min(chosen, commands.length - 1);
  const list = palette.querySelector("ul");
  list.replaceChildren(...commands.map((one, number) => {
    const item = document.createElement("li");
    item.id = `palette-${number}`;
    item.role = "option";
    item.ariaSelected = String(number === chosen);
    const kind = document.createElement("span");
    kind.className = "soft small";
    kind.textContent = one.kind;
    item.append(one.text, kind);
    item.addEventListener("click", () => runCommand(number));
    return item;
  }));
  palette.querySelector("input").setAttribute("aria-activedescendant", `palette-${chosen}`);
}

function runCommand(number) {
  palette.close();
  commands[number]?.run();
}

function openPalette() {
  if (!palette || palette.open) return;
  palette.innerHTML = `<label class="visually-hidden" for="palette-input">Type a command or what to search for</label>
    <input id="palette-input" type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" placeholder="Type a command, or what to search for" autocomplete="off">
    <ul id="palette-list" role="listbox" aria-label="Commands"></ul>`;
  chosen = 0;
  const input = palette.querySelector("input");
  input.addEventListener("input", () => { chosen = 0; draw(); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const by = event.key === "ArrowDown" ? 1 : -1;
      chosen = (chosen + by + commands.length) % Math.max(1, commands.length);
      draw();
    } else if (event.key === "Enter") {
      event.preventDefault();
      runCommand(chosen);
    }
  });
  palette.showModal();
  draw();
  input.focus();
}

function showKeys() {
  const sheet = document.getElementById("sheet");
  const rows = board.rows.map((row) => [row.press, row.what]);
  const fixed = [["Ctrl K", "Commands and search"], ["Ctrl ↵", "Send"], ["/", "Canned replies"], ["G then I T D P A", "Inbox, tickets, danger, piles, approvals"], ["Esc", "Close"]];
  const table = document.createElement("dl");
  table.className = "facts";
  for (const [key, what] of [...rows, ...fixed]) {
    const line = document.createElement("div");
    const name = document.createElement("dt");
    const pressed = document.createElement("dd");
    const shown = document.createElement("kbd");
    name.textContent = what;
    shown.textContent = key;
    pressed.append(shown);
    line.append(name, pressed);
    table.append(line);
  }
  const title = document.createElement("h2");
  title.textContent = "Keys";
  const hint = document.createElement("p");
  hint.className = "hint";
  hint.textContent = board.on ? "Change them or turn them off in your account." : "Single keys are off; turn them on in your account.";
  const close = document.createElement("button");
  close.className = "button";
  close.textContent = "Close";
  close.addEventListener("click", () => sheet.close());
  sheet.replaceChildren(title, table, hint, close);
  sheet.showModal();
}

function switchTheme() {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
}

/** Listen for keys. */
export function startKeys() {
  document.addEventListener("keydown", onKey);
  rememberList();
  document.body.addEventListener("htmx:afterSettle", rememberList);
}
