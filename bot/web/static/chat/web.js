// The web chat page: the chat front end over this site's own /chat/messages.

import { Chat } from "./chat.js";
import { SendError } from "./outbox.js";

const page = JSON.parse(document.getElementById("chat-page").textContent);

async function call(path, init = {}) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", signal: AbortSignal.timeout(20000), ...init });
  } catch {
    throw new SendError("", { retry: true });
  }
  if (response.ok) return response.json();
  if (response.status === 401) throw new SendError("", { retry: true, loggedOut: true });
  const answer = await response.json().catch(() => ({}));
  const retry = response.status >= 500 || response.status === 429 || response.status === 408;
  throw new SendError(answer.error ?? "", { retry });
}

const transport = {
  poll: (after) => call(`${page.messages}?after=${encodeURIComponent(after)}`),
  earlier: (before) => call(`${page.messages}?before=${encodeURIComponent(before)}`),
  send(item) {
    const headers = { "X-CSRF-Token": page.csrf };
    if (item.kind === "photo") {
      const form = new FormData();
      form.set("id", item.id);
      if (item.text) form.set("text", item.text);
      form.set("photo", item.file, item.file.name || "photo.jpg");
      return call(page.messages, { method: "POST", headers, body: form, signal: AbortSignal.timeout(90000) });
    }
    const { id, text, payload, lat, lng } = item;
    headers["Content-Type"] = "application/json";
    return call(page.messages, { method: "POST", headers, body: JSON.stringify({ id, text, payload, lat, lng }) });
  },
};

const chat = new Chat(document.getElementById("chat"), {
  transport, key: page.key, name: page.name, texts: page.texts, locale: page.locale,
  shrink: true, maxBytes: page.max_bytes, loginUrl: page.login,
  mapPicture: page.map ? (lat, lng) => `${page.map}?lat=${lat}&lng=${lng}` : undefined,
}).start();

// Nothing of this rider stays in the browser after logging out.
document.getElementById("logout")?.addEventListener("submit", () => {
  chat.stop();
  localStorage.removeItem(`draft-${page.key}`);
  indexedDB.deleteDatabase(`pilebot-${page.key}`);
});
