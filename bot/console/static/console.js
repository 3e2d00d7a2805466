// What every page of the console starts; the parts are modules of their own.
import { startBell } from "./bell.js";
import { startKeys } from "./keys.js";
import { start } from "./live.js";
import { startMoments } from "./moments.js";
import { startSheet } from "./sheet.js";

const DRAFTS = "pilebot-draft:";

// Sending waits while this page may not be up to date: somebody else may have the chat by now.
function holdSending(event) {
  for (const button of document.querySelectorAll("[data-send]")) {
    button.disabled = event.detail === "stale";
    button.title = event.detail === "stale" ? "Not up to date: sending waits until the connection is back." : "";
  }
}

// What is typed outlives a closed tab and a closed window; logging out takes it away.
function keepDrafts() {
  for (const form of document.querySelectorAll("form[data-draft]")) {
    const text = form.querySelector("textarea");
    const name = DRAFTS + form.dataset.draft;
    if (!text.value) text.value = localStorage.getItem(name) ?? "";
    text.addEventListener("input", () => localStorage.setItem(name, text.value));
    form.addEventListener("submit", () => localStorage.setItem(`${name}:sent`, text.value));
    // Sent and gone from the page means it was taken; a refusal brings the text back.
    if (!text.value || text.value === localStorage.getItem(`${name}:sent`)) {
      if (!document.getElementById("problem")) {
        if (text.value) text.value = text.defaultValue;
        localStorage.removeItem(name);
      }
    }
    localStorage.removeItem(`${name}:sent`);
  }
  document.addEventListener("submit", (event) => {
    if (!event.target.matches('form[action$="/logout"]')) return;
    for (const name of Object.keys(localStorage)) if (name.startsWith(DRAFTS)) localStorage.removeItem(name);
    sessionStorage.clear();
  });
}

if (document.body.dataset.me) {
  startSheet();
  startKeys();
  startMoments();
  startBell();
  keepDrafts();
  document.addEventListener("pilebot:line", holdSending);
  start();
  navigator.serviceWorker?.register("/sw.js");
}
