// Previews of actions open in a dialog beside the page instead of leaving it; without this script
// the links open pages of their own.

const sheet = document.getElementById("sheet");
let opener = null;

async function open(link) {
  const answer = await fetch(link.href, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
  const kind = answer.headers.get("Content-Type") ?? "";
  if (!answer.ok || !kind.startsWith("text/html")) return location.assign(link.href);
  sheet.innerHTML = await answer.text();
  sheet.setAttribute("aria-labelledby", "action-title");
  const next = sheet.querySelector("input[name=next]");
  if (next) next.value = location.pathname + location.search;
  opener = link.getAttribute("href");
  sheet.showModal();
  (sheet.querySelector("input:not([type=hidden]), textarea") ?? sheet.querySelector("a, button"))?.focus();
}

// What somebody has unfolded stays so when the panel around it is fetched anew.
function keepUnfolded() {
  let open = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    open = [...event.detail.target.querySelectorAll("details[id][open]")].map((each) => each.id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    open = [];
  });
}

export function startSheet() {
  if (!sheet) return;
  keepUnfolded();
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-sheet]");
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      open(link).catch(() => location.assign(link.href));
    } else if (event.target === sheet || event.target.closest("#sheet [data-close]")) {
      event.preventDefault();
      sheet.close();
    }
  });
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-once]");
    if (!form) return;
    if (form.dataset.sent) event.preventDefault(); // the key guards it too; this spares a request
    form.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => { // back from where the form led: it may be sent again
    for (const form of document.querySelectorAll("form[data-once]")) delete form.dataset.sent;
  });
  sheet.addEventListener("close", () => {
    sheet.replaceChildren();
    // The panel may have been fetched anew meanwhile: find the link again by its address.
    const links = [...document.querySelectorAll("a[data-sheet]")];
    links.find((link) => link.getAttribute("href") === opener)?.focus();
  });
}
