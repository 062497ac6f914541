// How the server is, what it holds, and what happens in it just now.

import { dictionary, json, ROOT, search, send } from "./api.js";
import { fill, h, later, trouble } from "./dom.js";
import { follow } from "./events.js";
import "./keys.js";
import { whoAmI } from "./session.js";

const KEPT = 200;
const LEVELS = { Patients: "/patients", Studies: "/studies", Series: "/series", Instances: "/instances" };
const AT_ONCE = 3;
const MANY = 50_000;

async function total(path, query = {}, signal = undefined) {
  const page = await search(path, { limit: 1, count: "true", ...query }, { signal });
  return page.total ?? page.matches.length;
}

class System extends HTMLElement {
  under = new AbortController();
  changes = [];

  setAddress() {
    if (this.feed) return;
    this.build();
    this.health();
    this.counts().then(() => this.syntaxes());
    this.caller();
    this.follow();
  }

  disconnectedCallback() {
    this.under.abort();
    this.recount?.stop();
  }

  build() {
    const section = (title, ...content) => h("section", { class: "panel", "aria-label": title }, h("h2", {}, title), content);
    this.state = h("div");
    this.self = h("div");
    this.figures = h("dl", { class: "figures-grid" });
    this.held = h("div", {}, h("p", { class: "muted" }, "Counting …"));
    this.stream = h("span", { class: "muted small", role: "status" }, "connecting …");
    this.feed = h("tbody");
    this.recount = later(1500, () => this.counts());
    fill(
      this,
      h("div", { class: "heading" }, h("h1", {}, "System"), h("button", { onclick: () => this.again() }, "Ask again")),
      h(
        "div",
        { class: "panels" },
        section("Health", this.state),
        section("In the archive", this.figures),
        section("Who am I, and what may I?", this.self),
        section("Transfer syntaxes", this.held),
        section(
          "Changes",
          this.stream,
          h(
            "div",
            { class: "scroll", tabindex: "0", role: "region", "aria-label": "The last changes" },
            h("table", { class: "plain" }, h("thead", {}, h("tr", {}, ["When", "What", "Study", "Instance"].map((name) => h("th", { scope: "col" }, name)))), this.feed),
          ),
        ),
      ),
    );
    this.classList.add("system");
  }

  again() {
    this.health();
    this.counts().then(() => this.syntaxes());
  }

  async health() {
    try {
      const answer = await fetch(`${ROOT}health/ready`, { signal: this.under.signal });
      const [{ status, checks }, { version }] = [await answer.json(), await (await send(`${ROOT}version`)).json()];
      const row = (name, told) =>
        h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: told === "ok" ? "ok" : "bad" }, told === "ok" ? "works" : told));
      fill(
        this.state,
        h("p", { class: status === "ok" ? "ok" : "bad" }, status === "ok" ? "Ready to serve" : "Not ready"),
        h("table", { class: "plain" }, h("tbody", {}, Object.entries(checks).map(([name, told]) => row(name, told)))),
        h("p", { class: "muted small" }, `Radiolucent ${version}`),
      );
    } catch (error) {
      if (!this.under.signal.aborted) fill(this.state, trouble(error));
    }
  }

  async caller() {
    const told = await whoAmI();
    if (!told) return;
    const row = (name, value) => value && h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value));
    const rows = [
      row("Known as", told.kind === "local" ? "local: nobody is asked at this machine" : told.subject),
      row("By", { key: "an API key", token: `a token of ${told.issuer}`, certificate: "a client certificate" }[told.kind]),
      row("Organisation", told.organisation),
      row("Roles", told.roles.join(", ")),
      row("Scopes", told.scopes.join(" ")),
      row("May", told.may.join(", ") || "nothing"),
      row("Until", told.expires && new Date(told.expires * 1000).toLocaleString("sv")),
    ];
    fill(this.self, h("table", { class: "plain" }, h("tbody", {}, rows.filter(Boolean))));
    if (told.kind !== "local" && told.may.includes("administer")) {
      this.querySelector(".panels").append(h("section", { class: "panel wide", "aria-label": "API keys" }, h("h2", {}, "API keys"), h("rl-keys")));
    }
  }

  async counts() {
    try {
      this.numbers = null;
      const numbers = await Promise.all(Object.values(LEVELS).map((path) => total(path, {}, this.under.signal)));
      this.numbers = numbers;
      fill(this.figures, Object.keys(LEVELS).map((name, at) => h("div", {}, h("dt", {}, name), h("dd", {}, numbers[at].toLocaleString("en")))));
    } catch (error) {
      if (!this.under.signal.aborted) fill(this.figures, h("div", {}, h("dd", {}, trouble(error))));
    }
  }

  // Of each syntax of the standard, how many instances are offered in it: that is many questions, of a large archive only if one wants it.
  async syntaxes(wanted = false) {
    if (!wanted && !(this.numbers?.[3] <= MANY)) {
      fill(this.held, h("button", { onclick: () => this.syntaxes(true) }, "Count them"));
      return;
    }
    const { syntaxes } = await dictionary();
    const waiting = Object.entries(syntaxes);
    const found = [];
    const work = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [uid, name] = next;
        const number = await total("/instances", { AvailableTransferSyntaxUID: uid }, this.under.signal);
        if (number) found.push({ uid, name, number });
      }
    };
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, work));
      found.sort((one, other) => other.number - one.number);
      const rows = found.map(({ uid, name, number }) =>
        h("tr", {}, h("th", { scope: "row" }, name, h("span", { class: "second mono" }, uid)), h("td", { class: "number" }, number.toLocaleString("en"))),
      );
      fill(this.held, rows.length ? h("table", { class: "plain" }, h("tbody", {}, rows)) : h("p", { class: "muted" }, "Nothing is stored yet."));
    } catch (error) {
      if (!this.under.signal.aborted) fill(this.held, trouble(error));
    }
  }

  async follow() {
    try {
      const { next } = await json("/changes/latest");
      const draw = later(100, () => this.drawFeed());
      const each = (change) => {
        this.changes.unshift(change);
        this.changes.length = Math.min(this.changes.length, KEPT);
        draw();
        if (change.sequence > next) this.recount();
      };
      await follow(Math.max(0, next - 30), each, this.under.signal, (told) => (this.stream.textContent = told));
    } catch (error) {
      if (!this.under.signal.aborted) this.stream.textContent = error.message;
    }
  }

  drawFeed() {
    fill(
      this.feed,
      this.changes.map(({ at, kind, study, instance }) =>
        h(
          "tr",
          {},
          h("td", { class: "when" }, new Date(at).toLocaleString("sv")),
          h("td", {}, h("span", { class: `chip ${kind}` }, kind)),
          h("td", { class: "mono" }, kind === "deleted" ? study : h("a", { href: `#/studies/${study}` }, study)),
          h("td", { class: "mono" }, instance),
        ),
      ),
    );
  }
}

customElements.define("rl-system", System);
