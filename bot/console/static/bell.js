// Three tones, a number in the title, and a siren that no mute silences while danger is open.
// Browsers allow sound after the first click or key; one tab of a browser rings for all.

const TONES = {
  queue: [[660, 0, 0.12], [880, 0.14, 0.16]],
  mine: [[880, 0, 0.1]],
  danger: [[740, 0, 0.35], [520, 0.4, 0.35], [740, 0.8, 0.35], [520, 1.2, 0.35]],
};
const SIREN_MS = 30_000;
const { sounds = "queue" } = JSON.parse(document.body.dataset.keys ?? "{}");
const plainTitle = document.title;
let audio = null;
let before = null;
let lastSiren = 0;
let rings = false;
let timer = null;

/** Play "queue", "mine" or "danger". */
export function play(name) {
  if (!audio || audio.state !== "running") return false;
  for (const [hertz, at, lasts] of TONES[name]) {
    const tone = audio.createOscillator();
    const loud = audio.createGain();
    tone.type = name === "danger" ? "square" : "sine";
    tone.frequency.value = hertz;
    const start = audio.currentTime + at;
    loud.gain.setValueAtTime(0, start);
    loud.gain.linearRampToValueAtTime(name === "danger" ? 0.25 : 0.15, start + 0.02);
    loud.gain.linearRampToValueAtTime(0, start + lasts);
    tone.connect(loud).connect(audio.destination);
    tone.start(start);
    tone.stop(start + lasts);
  }
  document.dispatchEvent(new CustomEvent("pilebot:rang", { detail: name }));
  return true;
}

function wake() {
  audio ??= new AudioContext();
  audio.resume();
}

function ring(now) {
  if (!rings) return;
  const wants = (name) => sounds === "queue" || (sounds === "mine" && name === "mine");
  if (now.danger > 0 && Date.now() - lastSiren > SIREN_MS - 500) {
    lastSiren = Date.now();
    play("danger");
  } else if (before && now.urgent > before.urgent) {
    play("danger"); // a rider whose power was lost waits for a call within a minute
  } else if (before && now.mine_mark > before.mine_mark && wants("mine")) play("mine");
  else if (before && now.queue > before.queue && wants("queue")) play("queue");
  if (now.danger === 0) lastSiren = 0;
}

async function look() {
  timer = null;
  try {
    const answer = await fetch(document.body.dataset.bell, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const now = await answer.json();
    ring(now);
    before = now;
    const waiting = now.queue + now.mine + now.urgent;
    document.title = `${now.danger ? "⚠ " : ""}${waiting ? `(${waiting}) ` : ""}${plainTitle}`;
  } catch {
    // The light tells that the network is away.
  }
}

function soon(event) {
  const kind = (event.detail ?? "").split(":")[0];
  if (["conversation", "incident", "clock", ""].includes(kind) && timer === null) timer = setTimeout(look, 700);
}

/** Start ringing; of several tabs the one that holds the lock. */
export function startBell() {
  for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, wake, { once: true });
  document.addEventListener("pilebot:change", soon);
  document.addEventListener("click", (event) => {
    const test = event.target.closest("[data-test-sound]");
    if (test) {
      wake();
      play(test.dataset.testSound);
    }
  });
  navigator.locks.request("pilebot-bell", () => new Promise(() => { rings = true; }));
  look();
  setInterval(look, SIREN_MS);
}
