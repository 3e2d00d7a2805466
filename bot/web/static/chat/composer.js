// Where the rider writes: text, a photo (disk, camera, paste, drop) with a caption, a location.

import { h, icon } from "./dom.js";
import { isPhoto } from "./photo.js";

export class Composer {
  /**
   * `actions`: send({text?, file?}), locate(), complain(text); `draftKey` keeps what is typed
   * over a reload; `anyFile` lets files pass that are no photos (the demo tries those out).
   */
  constructor({ texts, actions, draftKey, anyFile = false }) {
    Object.assign(this, { texts, actions, draftKey, anyFile, file: null });
    this.build();
    this.field.value = localStorage.getItem(draftKey) ?? "";
    this.resize();
  }

  build() {
    const { texts } = this;
    this.field = h("textarea", {
      rows: 1, maxlength: 1600, class: "write", placeholder: texts.write, "aria-label": texts.write,
      autocomplete: "off", enterkeyhint: "send", dir: "auto",
      oninput: () => this.typed(),
      onkeydown: (event) => this.key(event),
      onpaste: (event) => this.paste(event),
    });
    this.fromDisk = this.picker({});
    this.fromCamera = this.picker({ capture: "environment" });
    this.preview = h("div", { class: "attached", hidden: true });
    this.menu = h(
      "div",
      { class: "menu", hidden: true, role: "group", "aria-label": texts.attach },
      this.entry("photo", texts.photo, () => this.fromDisk.click()),
      this.entry("camera", texts.camera, () => this.fromCamera.click()),
      this.entry("pin", texts.location, () => this.actions.locate()),
    );
    this.opener = h(
      "button",
      { type: "button", class: "round", "aria-label": texts.attach, "aria-expanded": "false", onclick: () => this.toggle() },
      icon("clip"),
    );
    this.sender = h("button", { type: "submit", class: "round send", "aria-label": texts.send }, icon("send"));
    this.node = h(
      "form",
      { class: "composer", onsubmit: (event) => { event.preventDefault(); this.submit(); } },
      this.preview,
      this.menu,
      h("div", { class: "bar" }, this.opener, this.field, this.sender),
      this.fromDisk,
      this.fromCamera,
    );
    this.node.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.menu.hidden) {
        this.toggle(false);
        this.opener.focus();
      }
    });
    document.addEventListener("click", (event) => {
      if (!this.menu.hidden && !this.node.contains(event.target)) this.toggle(false);
    });
  }

  picker(extra) {
    const input = h("input", {
      type: "file", hidden: true, tabindex: "-1", "aria-hidden": "true",
      accept: this.anyFile ? undefined : "image/jpeg,image/png,image/webp", ...extra,
      onchange: () => {
        if (input.files[0]) this.attach(input.files[0]);
        input.value = "";
      },
    });
    return input;
  }

  entry(name, label, act) {
    const run = () => { this.toggle(false); act(); };
    return h("button", { type: "button", class: `entry ${name}`, onclick: run }, icon(name), label);
  }

  toggle(open = this.menu.hidden) {
    this.menu.hidden = !open;
    this.opener.setAttribute("aria-expanded", String(open));
    if (open) this.menu.querySelector("button").focus();
  }

  attach(file) {
    if (!this.anyFile && !isPhoto(file)) {
      this.actions.complain(this.texts.not_a_photo);
      return;
    }
    this.detach();
    this.file = file;
    this.previewUrl = URL.createObjectURL(file);
    this.preview.replaceChildren(
      h("img", { src: this.previewUrl, alt: "" }),
      h("span", { class: "name" }, file.name || this.texts.photo),
      h("button", { type: "button", class: "round", "aria-label": this.texts.remove, onclick: () => { this.detach(); this.field.focus(); } }, icon("close")),
    );
    this.preview.hidden = false;
    this.field.placeholder = this.texts.caption;
    this.field.focus();
  }

  detach() {
    if (this.previewUrl) URL.revokeObjectURL(this.previewUrl);
    this.file = this.previewUrl = null;
    this.preview.hidden = true;
    this.preview.replaceChildren();
    this.field.placeholder = this.texts.write;
  }

  paste(event) {
    const file = [...event.clipboardData.files].find(isPhoto);
    if (!file) return;
    event.preventDefault();
    this.attach(file);
  }

  typed() {
    localStorage.setItem(this.draftKey, this.field.value);
    this.resize();
  }

  resize() {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, 132)}px`;
  }

  key(event) {
    // On a touch keyboard Enter makes a new line; with a real keyboard it sends.
    const sends = event.key === "Enter" && !event.shiftKey && !event.isComposing;
    if (sends && matchMedia("(hover: hover)").matches) {
      event.preventDefault();
      this.submit();
    }
  }

  /** Put text in place for the rider to send (a click-to-chat link does). */
  prefill(text) {
    this.field.value = text;
    this.typed();
    this.field.focus();
  }

  submit() {
    const text = this.field.value.trim();
    if (!text && !this.file) return;
    this.actions.send({ text, file: this.file });
    this.field.value = "";
    localStorage.removeItem(this.draftKey);
    this.detach();
    this.resize();
    this.field.focus();
  }
}
