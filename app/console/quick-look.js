// A quick look at a series, drawn by the service: scroll through instances and frames, window, cine. Not for diagnosis: that is a viewer's.

import { json, send, SERVICE } from "./api.js";
import { Cine } from "./cine.js";
import { fill, h, later } from "./dom.js";
import { documentName, frames, kind } from "./kinds.js";
import { external } from "./links.js";
import { first, TAG } from "./words.js";

const KEPT = 240; // pictures that stay decoded, most recent last
const PRESETS = { "": "As stored", own: "Own", "40,400": "Soft tissue", "-600,1500": "Lung", "400,1800": "Bone", "40,80": "Brain", "60,300": "Liver" };

class QuickLook extends HTMLElement {
  at = 0;
  window = null;
  turned = null;
  pictures = new Map();
  metadata = new Map();

  disconnectedCallback() {
    this.cine.stop();
    this.settled.stop();
    this.forget();
  }

  // Every frame of every instance is one step of the slider.
  show({ series, modality, instances, chosen, place, moved }) {
    if (!this.stage) this.build();
    this.place = place;
    this.moved = moved;
    if (this.series !== series) {
      this.series = series;
      this.steps = instances.flatMap((instance) => Array.from({ length: frames(instance) }, (_, frame) => ({ instance, frame: frame + 1 })));
      this.slider.max = this.steps.length;
      this.slider.parentElement.hidden = this.cine.element.hidden = this.steps.length < 2;
      this.windowing(null);
      this.presets.parentElement.hidden = modality !== "CT";
    }
    const wanted = this.steps.findIndex((step) => step.instance === chosen);
    if (this.steps[this.at]?.instance !== chosen || !this.stage.children.length) this.to(wanted < 0 ? 0 : wanted, false);
  }

  build() {
    this.cine = new Cine(() => this.advance());
    this.settled = later(350, () => this.moved(this.steps[this.at].instance));
    this.stage = h("div", {
      class: "stage",
      tabindex: "0",
      role: "group",
      "aria-roledescription": "picture",
      "aria-label": "Picture. Arrow keys go through the series, the space bar plays it, W and S, A and D change the window, R resets it",
    });
    this.slider = h("input", { type: "range", min: 1, max: 1, id: "step" });
    this.slider.addEventListener("input", () => this.to(this.slider.value - 1));
    this.center = h("input", { type: "number", id: "center", step: "any" });
    this.width = h("input", { type: "number", id: "width", step: "any", min: 1 });
    this.presets = h("select", { id: "preset" }, Object.entries(PRESETS).map(([value, title]) => h("option", { value }, title)));
    this.presets.addEventListener("change", () => {
      const chosen = this.presets.value.split(",").map(Number);
      if (this.presets.value !== "own") this.windowing(this.presets.value ? chosen : null);
    });
    for (const field of [this.center, this.width]) {
      field.addEventListener("change", () => {
        const given = [Number(this.center.value), Number(this.width.value)];
        this.windowing(this.center.value !== "" && given[1] >= 1 ? given : null);
      });
    }
    const field = (label, input, name) => h("div", { class: `field ${name ?? ""}` }, h("label", { for: input.id }, label), input);
    this.controls = h(
      "div",
      { class: "controls" },
      field("Picture", this.slider, "scroll"),
      this.cine.element,
      field("Preset", this.presets),
      field("Window center", this.center),
      field("Width", this.width),
      h("button", { onclick: () => this.windowing(null) }, "Reset"),
    );
    this.said = h("p", { class: "hidden", role: "status" });
    fill(this, h("div", { class: "look" }, this.stage, this.controls, this.said));
    this.stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.stage.addEventListener("pointerdown", (event) => this.drag(event));
    this.stage.addEventListener("dblclick", () => this.windowing(null));
    this.stage.addEventListener("keydown", (event) => this.key(event));
  }

  to(index, tell = true) {
    this.at = Math.max(0, Math.min(this.steps.length - 1, index));
    this.slider.value = this.at + 1;
    this.slider.setAttribute("aria-valuetext", `${this.at + 1} of ${this.steps.length}`);
    if (tell) this.settled();
    return this.draw();
  }

  async advance() {
    await this.to((this.at + 1) % this.steps.length, false);
    for (const ahead of [1, 2, 3]) this.load(this.steps[(this.at + ahead) % this.steps.length]).catch(() => {});
  }

  url({ instance, frame }) {
    const side = Math.min(1024, Math.ceil((Math.max(this.stage.clientWidth, this.stage.clientHeight) * Math.min(devicePixelRatio, 2)) / 256) * 256 || 512);
    const part = frames(instance) > 1 ? `/frames/${frame}` : "";
    const window = this.window ? `&window=${this.window.map((value) => +value.toFixed(2)).join(",")},linear` : "";
    return `${SERVICE}${this.place(instance)}${part}/rendered?accept=image/jpeg&viewport=${side},${side}${window}`;
  }

  // The decoded picture of a step; kept for coming back to it.
  load(step) {
    const url = this.url(step);
    let loading = this.pictures.get(url);
    this.pictures.delete(url);
    loading ??= this.decoded(url);
    this.pictures.set(url, loading);
    for (const old of this.pictures.keys()) {
      if (this.pictures.size <= KEPT) break;
      this.pictures.delete(old);
    }
    return loading;
  }

  async decoded(url) {
    const image = new Image();
    image.alt = "";
    image.draggable = false;
    image.src = url;
    try {
      await image.decode();
    } catch {
      await send(url); // throws what the service says, or lets one sign in
      throw new Error("The browser cannot show this picture");
    }
    return image;
  }

  forget() {
    this.pictures.clear();
  }

  async draw() {
    const step = this.steps[this.at];
    const what = kind(step.instance);
    this.controls.hidden = what !== "image" && this.steps.length < 2;
    if (what !== "image") return this.other(what, step);
    const turn = (this.turn = {});
    try {
      const image = await this.load(step);
      if (this.turn === turn) this.put(image);
    } catch (error) {
      if (this.turn === turn) this.put(h("p", { class: "empty" }, error.message));
    }
  }

  put(content) {
    const place = `${this.at + 1} / ${this.steps.length}`;
    fill(
      this.stage,
      content,
      this.steps.length > 1 && kind(this.steps[this.at].instance) === "image" && h("span", { class: "corner bottom" }, place),
      this.window && h("span", { class: "corner top" }, `C ${Math.round(this.window[0])}  W ${Math.round(this.window[1])}`),
    );
    if (!this.cine.playing) this.said.textContent = `Picture ${this.at + 1} of ${this.steps.length}`;
  }

  other(what, { instance }) {
    const url = `${SERVICE}${this.place(instance)}/rendered`;
    this.turn = {};
    if (what === "nothing") return this.put(h("p", { class: "empty" }, "There is no picture of an object of this kind: its metadata tell what it holds."));
    if (what === "video") return this.put(h("video", { src: url, controls: true, "aria-label": "Video" }));
    if (what === "page") return this.put(h("iframe", { src: `${url}?accept=text/html`, title: "Report", sandbox: "allow-popups" }));
    return this.put(h("p", { class: "empty" }, external(url, { class: "button" }, `Open the ${documentName(instance)}`)));
  }

  wheel(event) {
    event.preventDefault();
    this.cine.stop();
    this.to(this.at + Math.sign(event.deltaY || event.deltaX));
  }

  key(event) {
    const steps = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
    const turns = { w: [0, -1], s: [0, 1], a: [-1, 0], d: [1, 0] };
    const letter = event.key.toLowerCase();
    if (event.target !== this.stage || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in steps) this.to(this.at + steps[event.key]);
    else if (event.key === " ") this.cine.toggle();
    else if (letter === "r") this.windowing(null);
    else if (letter in turns) this.turnWindow(...turns[letter].map((way) => way * 10));
    else return;
    event.preventDefault();
  }

  drag(event) {
    if (event.button || kind(this.steps[this.at].instance) !== "image") return;
    this.stage.focus();
    this.stage.setPointerCapture(event.pointerId);
    let last = [event.clientX, event.clientY];
    const move = (next) => {
      this.turnWindow(next.clientX - last[0], next.clientY - last[1]);
      last = [next.clientX, next.clientY];
    };
    this.stage.addEventListener("pointermove", move);
    this.stage.addEventListener("lostpointercapture", () => this.stage.removeEventListener("pointermove", move), { once: true });
  }

  // Across is the width, down the center, by a part of what the window is: so it suits 80 as well as 4000. What is turned while the
  // first window is still being asked for counts as well.
  async turnWindow(across, down) {
    const waiting = this.turned;
    this.turned = [(waiting?.[0] ?? 0) + across, (waiting?.[1] ?? 0) + down];
    if (waiting) return;
    const [center, width] = this.window ?? (await this.stored());
    [across, down] = this.turned;
    this.turned = null;
    const step = Math.max(1, width) / 250;
    if (!Number.isNaN(center)) this.windowing([center + down * step, Math.max(1, width + across * step)]);
  }

  // The window that the object brings, or the range of its bits.
  async stored() {
    const { instance } = this.steps[this.at];
    const set = await this.about(instance);
    const groups = set["52009229"]?.Value?.[0]?.["00289132"]?.Value?.[0];
    const told = first(set, TAG.center) === "" ? groups : set;
    if (first(told, TAG.center) !== "") return [Number(first(told, TAG.center)), Number(first(told, TAG.width))];
    const width = 2 ** (Number(first(set, "00280101")) || 8);
    return [first(set, "00280103") ? 0 : width / 2, width];
  }

  about(instance) {
    const uid = first(instance, TAG.instance);
    if (!this.metadata.has(uid)) this.metadata.set(uid, json(`${this.place(instance)}/metadata`).then(([set]) => set));
    return this.metadata.get(uid);
  }

  windowing(window) {
    this.window = window;
    this.center.value = window ? Math.round(window[0]) : "";
    this.width.value = window ? Math.round(window[1]) : "";
    this.presets.value = !window ? "" : window.join() in PRESETS ? window.join() : "own";
    if (this.steps) this.redraw();
  }

  // While one picture is being made the next wish waits, and only the last one counts.
  async redraw() {
    if (this.drawing) {
      this.again = true;
      return;
    }
    this.drawing = true;
    await this.draw();
    this.drawing = false;
    if (this.again) {
      this.again = false;
      this.redraw();
    }
  }
}

customElements.define("rl-quick-look", QuickLook);
