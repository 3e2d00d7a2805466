// The photo tray: sample photos of a pile's sticker as riders take them, and any file from disk.

import { h } from "/assets/chat/dom.js";

export class Tray {
  constructor(root, { page, send }) {
    Object.assign(this, { root, send, styles: page.styles, photosOf: new Map() });
    this.field = h("input", { class: "field", id: "sticker-code", list: "codes", value: page.first_code, autocomplete: "off", oninput: () => this.draw() });
    this.codes = h("datalist", { id: "codes" });
    this.photos = h("ul", { class: "photos" });
    this.status = h("p", { class: "hint", role: "status" });
    const file = h("input", { type: "file", id: "any-file", class: "hidden-text", onchange: () => { if (file.files[0]) this.send(file.files[0]); file.value = ""; } });
    root.append(
      h("div", { class: "tray-row" }, h("label", { for: "sticker-code" }, "Sticker of"), this.field, this.codes),
      this.photos, this.status,
      h("label", { class: "small-button file-button", for: "any-file" }, "Send any file from this computer"), file);
    this.draw();
  }

  know(piles) {
    if (this.codes.children.length) return;
    for (const pile of piles) for (const evse of pile.evses) this.codes.append(h("option", { value: evse.code }, pile.station ?? ""));
  }

  choose(code) {
    this.field.value = code;
    this.draw();
  }

  /** A sample photo, drawn once. Drawing takes the server half a second. */
  photo(code, style) {
    const key = `${encodeURIComponent(code)}/${style}.jpg`;
    if (!this.photosOf.has(key)) {
      const drawn = fetch(`/stickers/${key}`).then((response) => {
        if (!response.ok) throw new Error(key);
        return response.blob();
      });
      drawn.catch(() => this.photosOf.delete(key));
      this.photosOf.set(key, drawn);
    }
    return this.photosOf.get(key);
  }

  draw() {
    const code = this.field.value.trim();
    if (!/^\d{4,6}-\d{2,3}$/.test(code) || code === this.drawn) return;
    this.drawn = code;
    this.photos.replaceChildren(...this.styles.map(([style, label]) =>
      h("li", {}, h("button", { type: "button", onclick: () => this.sendSticker(code, style), "aria-label": `Send photo: ${label}` },
        h("img", { alt: "", width: 96, height: 96 }), h("span", {}, label)))));
    this.fillIn(code);
  }

  /** One picture after the other, so that one that is sent meanwhile need not wait for them all. */
  async fillIn(code) {
    for (const [place, [style]] of this.styles.entries()) {
      const blob = await this.photo(code, style).catch(() => null);
      if (this.drawn !== code) return;
      const image = this.photos.children[place].querySelector("img");
      if (blob) {
        image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
        image.src = URL.createObjectURL(blob);
      }
    }
  }

  async sendSticker(code, style) {
    try {
      const blob = await this.photo(code, style);
      this.send(new File([blob], `${code}-${style}.jpg`, { type: "image/jpeg" }));
      this.status.textContent = "";
    } catch {
      this.status.textContent = "This photo could not be made. Is the code right?";
    }
  }
}
