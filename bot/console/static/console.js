// What every page of the console starts; the parts are modules of their own.
import { start } from "./live.js";
import { startSheet } from "./sheet.js";

if (document.body.dataset.me) {
  start();
  startSheet();
}
