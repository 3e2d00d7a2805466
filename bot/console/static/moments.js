// "5 min ago" keeps counting while a page stays open.

function words(seconds) {
  const sizes = [[86_400, "d"], [3_600, "h"]];
  for (const [size, unit] of sizes) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  return `${Math.max(1, Math.floor(seconds / 60))} min`;
}

function tell(element) {
  const seconds = Math.trunc((Date.now() - Date.parse(element.dateTime)) / 1000);
  const lasts = Math.abs(seconds);
  if (element.dataset.ago === "since") return words(lasts);
  if (lasts < 45) return seconds < 0 ? "in a moment" : "just now";
  return seconds < 0 ? `in ${words(lasts)}` : `${words(lasts)} ago`;
}

/** Update every moment on the page twice a minute. */
export function startMoments() {
  setInterval(() => {
    for (const element of document.querySelectorAll("time[data-ago]")) element.textContent = tell(element);
  }, 30_000);
}
