// Plays by calling `advance`, at the chosen rate or as fast as pictures come.

import { fill, h, icon } from "./dom.js";

export class Cine {
  playing = false;

  constructor(advance) {
    this.advance = advance;
    this.button = h("button", { onclick: () => this.toggle(), "aria-keyshortcuts": "Space" });
    this.rate = h("input", { type: "number", id: "rate", min: 1, max: 60, value: 12 });
    this.element = h("div", { class: "controls" }, this.button, h("div", { class: "field" }, h("label", { for: "rate" }, "Per second"), this.rate));
    this.label();
  }

  label() {
    fill(this.button, icon(this.playing ? "pause" : "play"), this.playing ? "Stop" : "Play");
  }

  toggle() {
    if (this.playing) this.stop();
    else this.play();
  }

  stop() {
    this.playing = false;
    this.label();
  }

  async play() {
    this.playing = true;
    this.label();
    while (this.playing) {
      const due = performance.now() + 1000 / Math.max(1, Math.min(60, Number(this.rate.value) || 12));
      await this.advance();
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
    }
  }
}
