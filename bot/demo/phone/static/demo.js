// The demo page: one rider's phone, the wall of piles and the map around one chat front end.

import { Chat } from "/assets/chat/chat.js";
import { h } from "/assets/chat/dom.js";
import { SendError } from "/assets/chat/outbox.js";
import { CityMap } from "./map.js";
import { Tray } from "./tray.js";
import { Wall } from "./wall.js";

const page = JSON.parse(document.getElementById("demo-page").textContent);
const byId = (id) => document.getElementById(id);

async function call(path, init = {}) {
  let response;
  try {
    response = await fetch(path, { signal: AbortSignal.timeout(30000), ...init });
  } catch {
    throw new SendError("", { retry: true });
  }
  if (response.ok) return response.json();
  const answer = await response.json().catch(() => ({}));
  throw new SendError(answer.error ?? "", { retry: response.status >= 500 });
}

const post = (path, body) =>
  call(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

/** The chat front end over one rider's phone at the stand-in for Twilio. */
function phoneOf(address) {
  const path = `/api/phones/${encodeURIComponent(address)}/messages`;
  return {
    waits: true,
    poll: (after) => call(`${path}?after=${encodeURIComponent(after)}`),
    send(item) {
      if (item.kind !== "photo") {
        const { id, text, payload, lat, lng, label, to, list } = item;
        return post(path, { id, text, payload, lat, lng, label, to, list });
      }
      const form = new FormData();
      form.set("id", item.id);
      if (item.text) form.set("text", item.text);
      form.set("photo", item.file, item.file.name || "photo.jpg");
      return call(path, { method: "POST", body: form });
    },
  };
}

let chat;

function pickUp(address) {
  chat?.stop();
  localStorage.setItem("demo-rider", address);
  byId("rider").value = address;
  byId("number").textContent = address;
  chat = new Chat(byId("chat"), {
    transport: phoneOf(address), key: `demo-${address}`, name: page.brand, texts: page.texts, locale: "en-GB",
    anyFile: true, pickLocation: () => { showTab("map"); map.invite(); return null; },
    mapPicture: (lat, lng) => `/map-at?lat=${lat}&lng=${lng}`,
  }).start();
}

function showTab(name) {
  document.body.dataset.tab = name;
  for (const button of document.querySelectorAll("[data-show]")) {
    button.setAttribute("aria-pressed", String(button.dataset.show === name));
  }
}

function newRider() {
  // Numbers kept free for fiction by Ofcom: 07700 900000 to 900999.
  const address = `+447700900${200 + Math.floor(Math.random() * 800)}`;
  rememberRider(address);
  pickUp(address);
}

function rememberRider(address) {
  const known = [...byId("rider").options].some((option) => option.value === address);
  if (!known) byId("new-riders").append(h("option", { value: address }, address));
}

const map = new CityMap(byId("map"), {
  page, share: (place) => { chat.sendPlace(place); showTab("phone"); },
  station: (name) => { wall.search(name); showTab("piles"); },
});
const tray = new Tray(byId("tray"), { page, send: (file) => { chat.sendPhoto(file); showTab("phone"); } });
const wall = new Wall(byId("wall"), {
  call, post,
  sticker: (code) => tray.sendSticker(code, "clean"),
  chosen: (code) => tray.choose(code),
  news: (piles) => { map.show(piles); tray.know(piles); },
});

byId("rider").addEventListener("change", (event) => (event.target.value ? pickUp(event.target.value) : newRider()));
document.querySelectorAll("[data-show]").forEach((button) => button.addEventListener("click", () => showTab(button.dataset.show)));
byId("chat").addEventListener("chat:received", () => {
  if (document.body.dataset.tab !== "phone") byId("phone-tab").dataset.news = "true";
});
byId("phone-tab").addEventListener("click", () => delete byId("phone-tab").dataset.news);

const wanted = new URLSearchParams(location.search);
const last = wanted.get("rider") ?? localStorage.getItem("demo-rider") ?? page.riders[0]?.address;
if (last) {
  rememberRider(last);
  pickUp(last);
} else newRider();
if (wanted.get("text")) chat.composer.prefill(wanted.get("text"));
history.replaceState(null, "", location.pathname);
showTab(document.body.dataset.tab);
wall.start();
