// One chat message (docs/chat-message.md) → one bubble.

import { fill, h, icon } from "./dom.js";

const URL_PATTERN = /\bhttps?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]]/g;
// WhatsApp's own marks: *bold* _italic_ ~strike~ ```mono```, at word borders.
const MARKS = /```([^`]+)```|(?<![\p{L}\p{N}])([*_~])(?=\S)([^\n]*?\S)\2(?![\p{L}\p{N}])/u;
const TAGS = { "*": "strong", _: "em", "~": "s" };

/** Text with WhatsApp's marks and tappable web addresses. */
export function formatted(text) {
  const parts = [];
  let rest = text;
  for (let found = MARKS.exec(rest); found; found = MARKS.exec(rest)) {
    parts.push(...linked(rest.slice(0, found.index)));
    if (found[1] !== undefined) parts.push(h("code", {}, found[1]));
    else parts.push(h(TAGS[found[2]], {}, ...formatted(found[3])));
    rest = rest.slice(found.index + found[0].length);
  }
  return [...parts, ...linked(rest)];
}

function linked(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(URL_PATTERN)) {
    parts.push(text.slice(from, found.index));
    parts.push(h("a", { href: found[0], target: "_blank", rel: "noopener noreferrer" }, found[0]));
    from = found.index + found[0].length;
  }
  return [...parts, text.slice(from)];
}

const TICKS = { queued: "clock", sent: "sent", delivered: "double", read: "double", failed: "alert", undelivered: "alert" };

/** The state of a message the person at this screen sent, as icon and words. */
export function ticks(status, texts) {
  if (!TICKS[status]) return null;
  return h(
    "span",
    { class: `ticks ${status}`, role: "img", "aria-label": texts[status], title: texts[status] },
    icon(TICKS[status]),
  );
}

/** `view` is what a bubble needs of its chat: texts, own side, time format and what taps do. */
export function bubble(message, view) {
  const own = message.direction === view.own;
  const node = h("div", {
    class: `row ${own ? "own" : "theirs"} ${message.kind}`,
    dataset: { id: message.id, kind: message.kind },
  });
  const body = h("div", { class: "bubble" });
  body.append(h("span", { class: "hidden-text" }, `${own ? view.texts.you : author(message, view)}: `));
  if (message.author === "agent" && !own) body.append(h("span", { class: "who" }, author(message, view)));
  body.append(...(PARTS[message.kind] ?? PARTS.text)(message, view).filter(Boolean));
  body.append(foot(message, own, view));
  node.append(body);
  if (message.kind === "buttons") node.append(buttons(message, view));
  if (message.kind === "list") node.append(listButton(message, view));
  if (message.kind === "link") node.append(linkButton(message, view));
  if (message.status === "failed" && message.pending) node.append(failure(message, view));
  return node;
}

const author = (message, view) => message.name ?? view.name;

function foot(message, own, view) {
  const at = new Date(message.at);
  return h(
    "span",
    { class: "foot" },
    h("time", { datetime: message.at }, view.time(at)),
    own ? ticks(message.status, view.texts) : null,
  );
}

const words = (text) => (text ? h("p", { class: "words", dir: "auto" }, ...formatted(text)) : null);

const PARTS = {
  text: (message) => [words(message.text)],
  buttons: (message) => [words(message.text)],
  list: (message) => [words(message.text)],
  link: (message) => [words(message.text)],
  image: (message, view) => [picture(message, view), words(message.text)],
  document: (message, view) => [file(message, view), words(message.text)],
  // A place's label stands in its card already.
  location: (message, view) => [place(message, view), words(message.text === message.location.label ? "" : message.text)],
};

function picture(message, view) {
  if (!message.media?.url) return h("p", { class: "gone" }, icon("photo"), view.texts.picture_gone);
  const alt = message.text || message.media?.name || view.texts.picture;
  const image = h("img", { src: message.media.url, alt, loading: "lazy", decoding: "async" });
  const opener = h(
    "button",
    { type: "button", class: "picture", "aria-label": `${view.texts.zoom}: ${alt}`, onclick: () => view.zoom(message.media.url, alt) },
    image,
  );
  image.addEventListener("load", () => view.settled());
  image.addEventListener("error", () => opener.replaceWith(h("p", { class: "gone" }, icon("photo"), view.texts.picture_gone)));
  return opener;
}

function file(message, view) {
  const name = message.media?.name || view.texts.document;
  const type = (message.media?.type || "").split("/").pop().toUpperCase();
  return h(
    "a",
    { class: "file", href: message.media?.url, target: "_blank", rel: "noopener noreferrer" },
    icon("file"),
    h("span", {}, h("strong", {}, name), h("small", {}, type)),
  );
}

function place(message, view) {
  const { lat, lng, label, address } = message.location;
  const href = `https://www.google.com/maps/dir/?api=1&destination=${Number(lat)},${Number(lng)}`;
  const map = h("span", { class: "minimap", "aria-hidden": "true" }, icon("pin"));
  const url = view.mapPicture?.(lat, lng);
  if (url) {
    const image = h("img", { src: url, alt: "" });
    image.addEventListener("error", () => image.remove());
    image.addEventListener("load", () => view.settled());
    map.prepend(image);
  }
  return h(
    "a",
    { class: "place", href, target: "_blank", rel: "noopener noreferrer" },
    map,
    h(
      "span",
      { class: "where" },
      h("strong", {}, label || view.texts.my_location),
      h("small", {}, address || `${Number(lat).toFixed(5)}, ${Number(lng).toFixed(5)}`),
      h("span", { class: "go" }, icon("route"), view.texts.route),
    ),
  );
}

function buttons(message, view) {
  const tapped = view.tapped.get(message.id);
  const group = h("div", { class: "options", role: "group", "aria-label": message.text });
  for (const option of message.options ?? []) {
    group.append(
      h(
        "button",
        {
          type: "button",
          class: option.id === tapped ? "option tapped" : "option",
          "aria-disabled": tapped ? "true" : undefined,
          onclick: () => tapped || view.tap(message, option),
        },
        icon("reply"),
        option.title,
      ),
    );
  }
  return group;
}

function listButton(message, view) {
  const label = message.button || view.texts.choose;
  return h(
    "div",
    { class: "options" },
    h("button", { type: "button", class: "option", "aria-haspopup": "dialog", onclick: () => view.pick(message, label) }, icon("list"), label),
  );
}

function linkButton(message, view) {
  let host = "";
  try {
    const url = new URL(message.link.url, location.href);
    if (!/^https?:$/.test(url.protocol)) return h("div", {});
    host = url.host;
  } catch {
    return h("div", {});
  }
  return h(
    "div",
    { class: "options" },
    h(
      "a",
      { class: "option", href: message.link.url, target: "_blank", rel: "noopener noreferrer", title: fill(view.texts.opens, { host }) },
      icon("open"),
      message.link.title,
      h("span", { class: "hidden-text" }, ` (${fill(view.texts.opens, { host })})`),
    ),
  );
}

function failure(message, view) {
  return h(
    "p",
    { class: "failure" },
    icon("alert"),
    h("span", {}, message.error || view.texts.failed),
    h("button", { type: "button", onclick: () => view.retry(message.id) }, view.texts.retry),
    h("button", { type: "button", onclick: () => view.discard(message.id) }, view.texts.discard),
  );
}
