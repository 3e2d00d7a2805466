// The wall of piles: every socket with its live state, and hands to plug, unplug, break and silence.

import { h } from "/assets/chat/dom.js";

const POLL_MS = 1200;
const WORDS = { free: "Free", plugged: "Cable in", charging: "Charging", finished: "Finished", faulted: "Broken", offline: "Offline" };
const LOOKS = { free: "free", plugged: "busy", charging: "busy", finished: "busy", faulted: "broken", offline: "unknown" };
// What the wall can do to a socket and to a pile: [label, action, body].
const TROUBLES = [
  ["Ground fault", "fault", { kind: "GroundFault" }],
  ["Emergency stop pressed", "fault", { kind: "EmergencyStop" }],
  ["Cable lock jams", "fault", { kind: "ConnectorLock" }],
  ["Overheats", "fault", { kind: "OverTemp" }],
  ["No energy flows", "fault", { kind: "NoEnergy" }],
  ["Wears out", "wear", { worn: 0.6, per_charge: 0.05 }],
  ["Press its stop button", "stop", {}],
];
const LINES = [
  ["Take offline", "offline", { how: "cut" }],
  ["Fall silent", "offline", { how: "silent" }],
  ["Cut its power", "power", { on: false }],
  ["Lose replies", "misbehave", { replies: "lost" }],
  ["Reply late", "misbehave", { replies: "late" }],
  ["Reply twice", "misbehave", { replies: "double" }],
  ["Reply well again", "misbehave", { replies: "ok" }],
  ["Send no logs", "remote", { fail: ["log"] }],
  ["Fail at firmware", "remote", { fail: ["install"] }],
  ["Refuse settings", "remote", { fail: ["settings"] }],
  ["Do remote work well again", "remote", { fail: [] }],
];
const TELLS = { cut: "offline", silent: "silent", power: "no power", lost: "loses replies", late: "replies late", double: "replies twice" };
const FILTERS = [["", "All"], ["free", "Free"], ["in use", "In use"], ["faulted", "Broken"], ["offline", "Offline"]];

export class Wall {
  constructor(root, options) {
    Object.assign(this, { root, ...options, rows: new Map(), cards: new Map(), filter: "", text: "" });
    this.field = h("input", { type: "search", class: "field", id: "wall-search", placeholder: "Station or code", "aria-label": "Search piles by station or code", oninput: () => this.apply() });
    this.filters = h("div", { class: "filters", role: "group", "aria-label": "Show" }, FILTERS.map(([value, label]) =>
      h("button", { type: "button", "aria-pressed": String(value === ""), onclick: (event) => this.pickFilter(value, event.currentTarget) }, label)));
    this.summary = h("p", { class: "muted small", role: "status" });
    this.list = h("div", { class: "stations" });
    root.append(h("div", { class: "tools" }, this.field, this.filters), this.summary, this.list, this.newPile());
  }

  start() {
    this.refresh();
  }

  async refresh() {
    clearTimeout(this.timer);
    try {
      if (!document.hidden) {
        const { piles } = await this.call("/api/piles");
        this.show(piles);
        this.news(piles);
        this.root.dataset.live = "true";
      }
    } catch {
      this.root.dataset.live = "false";
      this.summary.textContent = "The simulated piles do not answer. Trying again…";
    }
    this.timer = setTimeout(() => this.refresh(), POLL_MS);
  }

  show(piles) {
    for (const pile of piles) {
      if (!this.cards.has(pile.pile_id)) this.addPile(pile);
      this.updatePile(pile);
    }
    this.apply();
  }

  addPile(pile) {
    const station = pile.station || "Piles";
    let group = this.list.querySelector(`[data-station="${CSS.escape(station)}"]`);
    if (!group) {
      const count = h("span", { class: "count" });
      group = h("details", { class: "station", dataset: { station }, open: this.list.children.length === 0 }, h("summary", {}, h("h3", {}, station), count));
      this.list.append(group);
    }
    const path = `/api/piles/${pile.pile_id}`;
    const back = h("button", { type: "button", class: "small-button", hidden: true, onclick: () => this.bringBack(path, card.pile) }, "Bring back");
    const trouble = this.menu(`Trouble for pile ${pile.number}`, "Trouble…", LINES, path);
    const tell = h("span", { class: "tell" });
    const node = h("section", { class: "pile", "aria-label": `Pile ${pile.number}` },
      h("header", {}, h("h4", {}, pile.number, h("small", {}, ` ${pile.model ?? ""}`)), tell, trouble, back));
    const card = { node, back, tell, pile, group };
    this.cards.set(pile.pile_id, card);
    const rows = h("ul", { class: "evses" });
    for (const evse of pile.evses) rows.append(this.addEvse(pile, evse));
    node.append(rows);
    group.append(node);
  }

  addEvse(pile, evse) {
    const path = `/api/piles/${pile.pile_id}/evses/${evse.number}`;
    const row = {
      state: h("span", { class: "state" }), meter: h("span", { class: "meter" }),
      plug: h("button", { type: "button", class: "small-button", onclick: () => this.act(`${path}/${row.evse.plugged ? "unplug" : "plug"}`) }),
      fault: this.menu(`Trouble for socket ${evse.code}`, "Break…", TROUBLES, path),
      clear: h("button", { type: "button", class: "small-button quiet", hidden: true, onclick: () => this.act(`${path}/clear`) }, "Repair"),
    };
    row.node = h("li", { class: "evse" },
      h("button", { type: "button", class: "code", title: "Send a photo of this sticker", "aria-label": `Send a photo of sticker ${evse.code}`, onclick: () => { this.chosen(evse.code); this.sticker(evse.code); } }, evse.code),
      h("span", { class: "what" }, [evse.connector, evse.power_label].filter(Boolean).join(" · ")),
      row.state, row.meter, row.plug, row.fault, row.clear);
    this.rows.set(evse.code, row);
    return row.node;
  }

  updatePile(pile) {
    const card = this.cards.get(pile.pile_id);
    card.pile = pile;
    const troubles = [TELLS[pile.line], TELLS[pile.replies]].filter(Boolean);
    setText(card.tell, troubles.join(", "));
    card.back.hidden = !troubles.length;
    card.node.classList.toggle("is-offline", !pile.online);
    for (const evse of pile.evses) {
      const row = this.rows.get(evse.code);
      row.evse = evse;
      const state = pile.online ? evse.state : "offline";
      row.shown = state;
      if (row.look !== state) {
        row.look = state;
        row.state.className = `state ${LOOKS[state] ?? ""}`;
        setText(row.state, WORDS[state] ?? state);
        row.node.dataset.state = state;
      }
      setText(row.meter, evse.session_wh ? `${(evse.session_wh / 1000).toFixed(2)} kWh${evse.power_w ? ` · ${power(evse.power_w)}` : ""}${evse.soc ? ` · battery ${Math.round(evse.soc * 100)} %` : ""}` : evse.worn ? `worn ${Math.round(evse.worn * 100)} %` : "");
      setText(row.plug, evse.plugged ? "Unplug" : "Plug in");
      row.fault.hidden = evse.state === "faulted";
      row.clear.hidden = evse.state !== "faulted" && !evse.worn;
    }
  }

  /** What an electrician would write into a pile that was put up in the console. */
  newPile() {
    const form = h("form", { class: "new-pile", onsubmit: async (event) => {
      event.preventDefault();
      const given = Object.fromEntries(new FormData(form));
      await this.act("/api/piles", { ...given, sockets: Number(given.sockets), max_power_w: Math.round(Number(given.kw) * 1000) });
    } },
      this.given("User name", "pile_id", { required: true, placeholder: "P001042" }), this.given("Secret", "secret", { required: true }),
      h("label", {}, "Kind", h("select", { name: "kind", class: "field" }, ["ac", "dc", "ebike"].map((each) => h("option", {}, each)))),
      this.given("Sockets", "sockets", { type: "number", value: 2, min: 1, max: 40 }), this.given("kW a socket", "kw", { type: "number", value: 22, min: 0.1, step: 0.1 }),
      h("button", { class: "small-button" }, "Switch it on"));
    return h("details", { class: "station" }, h("summary", {}, h("h3", {}, "A new pile")), h("p", { class: "muted small" }, "Put it up in the console under Piles, then write its login in here, as into its settings."), form);
  }

  given(label, name, attributes) {
    return h("label", {}, label, h("input", { name, class: "field", autocomplete: "off", ...attributes }));
  }

  /** A choice that acts at once and then stands on its title again. */
  menu(label, title, entries, path) {
    const select = h("select", { class: "small-select", "aria-label": label, onchange: () => {
      const [, action, body] = entries[select.value];
      select.value = "";
      this.act(`${path}/${action}`, body);
    } }, h("option", { value: "" }, title), entries.map(([text], index) => h("option", { value: index }, text)));
    return select;
  }

  async bringBack(path, pile) {
    if (pile.replies !== "ok") await this.act(`${path}/misbehave`, { replies: "ok" });
    if (pile.line === "power") await this.act(`${path}/power`, { on: true });
    else if (pile.line) await this.act(`${path}/online`);
  }

  async act(path, body = {}) {
    try {
      await this.post(path, body);
    } catch (error) {
      this.summary.textContent = error.message || "That did not work. Please try again.";
    }
    this.refresh();
  }

  pickFilter(value, button) {
    this.filter = value;
    for (const each of this.filters.children) each.setAttribute("aria-pressed", String(each === button));
    this.apply();
  }

  search(text) {
    this.field.value = text;
    this.apply();
  }

  apply() {
    const text = this.field.value.trim().toLowerCase();
    const counts = { free: 0, all: 0, shown: 0 };
    for (const group of this.list.children) {
      let any = 0, free = 0, all = 0;
      for (const card of this.cards.values()) {
        if (card.group !== group) continue;
        let here = 0;
        for (const evse of card.pile.evses) {
          const row = this.rows.get(evse.code);
          const found = !text || group.dataset.station.toLowerCase().includes(text) || evse.code.startsWith(text);
          const fits = !this.filter || row.shown === this.filter || (this.filter === "in use" && ["plugged", "charging", "finished"].includes(row.shown));
          row.node.hidden = !(found && fits);
          here += !row.node.hidden;
          all += 1;
          free += row.shown === "free";
        }
        card.node.hidden = !here;
        any += here;
      }
      group.hidden = !any;
      if (any && (text || this.filter) && !group.opened) group.open = group.opened = true;
      if (!text && !this.filter) group.opened = false;
      setText(group.querySelector(".count"), `${free} of ${all} free`);
      counts.free += free;
      counts.all += all;
      counts.shown += any;
    }
    if (this.cards.size) setText(this.summary, counts.shown ? `${counts.free} of ${counts.all} sockets are free. Tap a code to send a photo of its sticker.` : "Nothing fits. Clear the search or choose All.");
  }
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const power = (watts) => (watts >= 1000 ? `${(watts / 1000).toFixed(1)} kW` : `${watts} W`);
