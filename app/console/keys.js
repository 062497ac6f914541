// API keys, for those who may administer: the list, a form for a new one, and the text of a new one, which is shown once.

import { ROOT, send } from "./api.js";
import { fill, h, trouble } from "./dom.js";

const SCOPES = {
  "user/ImagingStudy.rs": "find and see",
  "system/ImagingStudy.c": "store",
  "user/ImagingStudy.cruds": "everything with studies",
  "audit.read": "read the audit trail",
  admin: "administer",
};
const day = (seconds) => new Date(seconds * 1000).toLocaleDateString("sv");

export class Keys extends HTMLElement {
  connectedCallback() {
    this.made = h("div", { role: "status" });
    this.list = h("div");
    const subject = h("input", { id: "key-subject", required: true, maxlength: 200, autocomplete: "off" });
    const scope = h("select", { id: "key-scope" }, Object.entries(SCOPES).map(([name, what]) => h("option", { value: name }, `${what} (${name})`)));
    const days = h("input", { id: "key-days", type: "number", min: 1, max: 3650, value: "365", required: true });
    const make = (event) => {
      event.preventDefault();
      this.make({ subject: subject.value, scopes: [scope.value], days: Number(days.value) });
    };
    fill(
      this,
      this.list,
      h(
        "form",
        { class: "row", onsubmit: make },
        h("label", { for: "key-subject" }, "Whose"),
        subject,
        h("label", { for: "key-scope" }, "May"),
        scope,
        h("label", { for: "key-days" }, "Days"),
        days,
        h("button", {}, "Make a key"),
      ),
      this.made,
    );
    this.show();
  }

  async show() {
    try {
      const { keys } = await (await send(`${ROOT}admin/keys`)).json();
      fill(this.list, keys.length ? this.table(keys) : h("p", { class: "muted" }, "There is no key yet."));
    } catch (error) {
      fill(this.list, trouble(error));
    }
  }

  table(keys) {
    const now = Date.now() / 1000;
    const head = ["Whose", "Prefix", "Allows", "Ends", "Last used", "Change"].map((name) => h("th", { scope: "col" }, name));
    const rows = keys.map((key) => {
      const over = key.revoked || (key.expires && key.expires < now);
      return h(
        "tr",
        { class: over ? "muted" : "" },
        h("th", { scope: "row" }, key.subject),
        h("td", { class: "mono" }, key.prefix),
        h("td", {}, [...key.scopes, ...key.roles.map((role) => `role ${role}`)].join(" ")),
        h("td", {}, key.revoked ? `revoked ${day(key.revoked)}` : key.expires ? day(key.expires) : "never"),
        h("td", {}, key.used ? day(key.used) : "not yet"),
        h("td", {}, !over && h("button", { "aria-label": `Revoke the key of ${key.subject}`, onclick: () => this.revoke(key) }, "Revoke")),
      );
    });
    const frame = { class: "scroll", tabindex: "0", role: "region", "aria-label": "All keys" };
    return h("div", frame, h("table", { class: "plain" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)));
  }

  async make(wish) {
    try {
      const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(wish) };
      const { key } = await (await send(`${ROOT}admin/keys`, options)).json();
      fill(this.made, h("p", {}, "Copy the key now, it is not shown again:"), h("p", { class: "mono" }, h("code", {}, key)));
      await this.show();
    } catch (error) {
      fill(this.made, trouble(error));
    }
  }

  async revoke(key) {
    if (!confirm(`Refuse the key ${key.prefix} of ${key.subject} from now on?`)) return;
    try {
      await send(`${ROOT}admin/keys/${encodeURIComponent(key.prefix)}`, { method: "DELETE" });
    } catch (error) {
      fill(this.made, trouble(error));
    }
    await this.show();
  }
}

customElements.define("rl-keys", Keys);
