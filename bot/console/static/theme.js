// Runs before the first paint: the chosen theme, so that nothing flashes.
const chosen = document.documentElement.dataset.theme;
if (chosen === "auto") {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
}
