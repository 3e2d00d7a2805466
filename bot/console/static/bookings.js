// Dragging a booking to another time or socket opens its form filled in: the server checks and a
// person says why, exactly as without this script.

const CELL = 5; // minutes

// Begin where something is booked, not at midnight.
const lanes = document.querySelector(".lanes");
const first = [...document.querySelectorAll("td.taken")].sort((a, b) => a.offsetLeft - b.offsetLeft)[0];
if (lanes && first) lanes.scrollLeft = Math.max(0, first.offsetLeft - 220);

function start(cell, x) {
  const box = cell.getBoundingClientRect();
  const inside = Math.max(0, Math.min(1, (x - box.left) / box.width));
  const [hour, minute] = cell.dataset.from.split(":").map(Number);
  const from = hour * 60 + minute + Math.floor((inside * Number(cell.dataset.span) * CELL) / 15) * 15;
  return `${String(Math.floor(from / 60) % 24).padStart(2, "0")}:${String(from % 60).padStart(2, "0")}`;
}

document.addEventListener("dragstart", (event) => {
  const slot = event.target.closest?.(".slot[draggable]");
  if (!slot) return;
  event.dataTransfer.setData("application/x-booking", slot.getAttribute("href"));
  event.dataTransfer.setData("application/x-minutes", slot.dataset.minutes);
  event.dataTransfer.effectAllowed = "move";
});

function over(event) {
  const cell = event.target.closest?.("td.free");
  if (!cell || !event.dataTransfer.types.includes("application/x-booking")) return;
  event.preventDefault();
  cell.classList.toggle("over", event.type === "dragover");
}
document.addEventListener("dragover", over);
document.addEventListener("dragleave", (event) => event.target.closest?.("td.free")?.classList.remove("over"));

document.addEventListener("drop", (event) => {
  const cell = event.target.closest?.("td.free");
  const href = event.dataTransfer.getData("application/x-booking");
  if (!cell || !href) return;
  event.preventDefault();
  const given = new URLSearchParams({
    evse: cell.closest("tr").dataset.evse,
    day: cell.closest("table").dataset.day,
    start: start(cell, event.clientX),
    minutes: event.dataTransfer.getData("application/x-minutes"),
  });
  location.assign(`${href}?${given}`);
});
