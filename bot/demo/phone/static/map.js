// The city map: tap to choose a place, then share it as the rider's location.

import { h, icon } from "/assets/chat/dom.js";

export class CityMap {
  constructor(root, { page, share, station }) {
    Object.assign(this, { root, bounds: page.bounds, share, station, markers: new Map() });
    this.pin = h("span", { class: "map-pin", hidden: true }, icon("pin"));
    this.button = h("button", { type: "button", class: "button map-share", hidden: true, onclick: (event) => { event.stopPropagation(); this.send(); } }, "Share this place");
    this.frame = h("div", { class: "map-frame", onclick: (event) => this.tapped(event) },
      h("img", { src: "/map.png", alt: "Street map of central Helsinki", draggable: "false" }), this.pin, this.button);
    this.places = h("select", { id: "place", class: "field" }, page.places.map((place, index) => h("option", { value: index }, place.name)));
    this.hint = h("p", { class: "hint", id: "map-hint" }, "Tap the map where the rider stands, then share it.");
    root.append(this.hint, this.frame,
      h("form", { class: "place-row", onsubmit: (event) => { event.preventDefault(); const place = page.places[this.places.value]; this.put(place.lat, place.lng); this.send(place.name); } },
        h("label", { for: "place" }, "Or from a list"), this.places, h("button", { class: "small-button" }, "Share")));
  }

  tapped(event) {
    const box = this.frame.getBoundingClientRect();
    const [west, south, east, north] = this.bounds;
    this.put(
      north - ((event.clientY - box.top) / box.height) * (north - south),
      west + ((event.clientX - box.left) / box.width) * (east - west),
    );
  }

  put(lat, lng) {
    this.at = { lat: Number(lat.toFixed(6)), lng: Number(lng.toFixed(6)) };
    place(this.pin, this.bounds, lat, lng);
    this.pin.hidden = false;
    this.button.hidden = false;
  }

  send(label) {
    this.share({ ...this.at, label });
    this.button.hidden = true;
    this.hint.classList.remove("invited");
  }

  /** The rider asked to share a location: say what to do now. */
  invite() {
    this.hint.classList.add("invited");
    this.places.focus();
  }

  /** A marker for each station, with how many sockets are free. */
  show(piles) {
    const stations = new Map();
    for (const pile of piles) {
      if (pile.lat === undefined) continue;
      const known = stations.get(pile.station) ?? { free: 0, lat: pile.lat, lng: pile.lng };
      known.free += pile.online ? pile.evses.filter((evse) => evse.state === "free").length : 0;
      stations.set(pile.station, known);
    }
    for (const [name, { free, lat, lng }] of stations) {
      if (!this.markers.has(name)) {
        const marker = h("button", { type: "button", class: "marker", onclick: (event) => { event.stopPropagation(); this.station(name); } });
        place(marker, this.bounds, lat, lng);
        this.markers.set(name, marker);
        this.frame.append(marker);
      }
      const marker = this.markers.get(name);
      const label = `${name}: ${free} free`;
      if (marker.title !== label) {
        marker.title = label;
        marker.setAttribute("aria-label", label);
        marker.textContent = free;
        marker.classList.toggle("none", free === 0);
      }
    }
  }
}

function place(node, [west, south, east, north], lat, lng) {
  node.style.left = `${((lng - west) / (east - west)) * 100}%`;
  node.style.top = `${((north - lat) / (north - south)) * 100}%`;
}
