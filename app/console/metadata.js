// The metadata of an instance as a tree: every data element with tag, VR, keyword and value, and a filter over all of them.

import { json, SERVICE } from "./api.js";
import { fill, h, later, trouble } from "./dom.js";
import { external } from "./links.js";
import { VirtualList } from "./virtual-list.js";
import { first, language, TAG } from "./words.js";

const isPrivate = (tag) => /[13579BDF]/.test(tag[3]);

// Keyword of a tag, also of those whose group repeats.
export function keyword(tag, tables) {
  return tables.keywords[tag] ?? tables.keywords[`${tag.slice(0, 2)}xx${tag.slice(4)}`] ?? (tag.endsWith("0000") ? "GroupLength" : "");
}

// One value as a line of text.
function words(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "object") return String(value);
  return ["Alphabetic", "Ideographic", "Phonetic"].map((group) => value[group] ?? "").join("=").replace(/=+$/, "");
}

// The tree of a data set, in the order of its tags. `creators` are the private creators of the same item.
export function tree(set, tables, depth = 0, path = "") {
  return Object.keys(set).sort().map((tag) => {
    const element = set[tag];
    const creator = isPrivate(tag) && tag.slice(4) > "00FF" ? first(set, `${tag.slice(0, 4)}00${tag.slice(4, 6)}`) : "";
    const name = isPrivate(tag) ? (creator ? `private, of ${creator}` : "PrivateCreator") : keyword(tag, tables);
    const node = { tag, vr: element.vr, name, isPrivate: isPrivate(tag), depth, path: path + tag, children: null, open: depth < 0 };
    if (element.vr === "SQ") {
      const items = element.Value ?? [];
      node.text = items.length === 1 ? "1 item" : `${items.length} items`;
      node.children = items.map((item, at) => ({
        tag: "", vr: "", name: `Item ${at + 1}`, depth: depth + 1, path: `${node.path}/${at + 1}`, text: "", open: true,
        children: tree(item ?? {}, tables, depth + 2, `${node.path}/${at + 1}/`),
      }));
    } else if (element.BulkDataURI) {
      node.bulk = element.BulkDataURI;
      node.text = "bulk data";
    } else {
      node.text = element.InlineBinary ? `${Math.floor((element.InlineBinary.length * 3) / 4)} bytes: ${element.InlineBinary}` : (element.Value ?? []).map(words).join(" \\ ");
      if (element.vr === "UI") node.meaning = (element.Value ?? []).map((uid) => tables.classes[uid] ?? tables.syntaxes[uid]).filter(Boolean).join(", ");
    }
    node.found = `${tag.slice(0, 4)},${tag.slice(4)} ${tag} ${node.vr} ${name} ${node.text} ${node.meaning ?? ""}`.toLowerCase();
    return node;
  });
}

class Metadata extends HTMLElement {
  shown = [];
  sought = "";

  disconnectedCallback() {
    this.under?.abort();
  }

  async show({ instances, chosen, place, moved, tables }) {
    if (!this.list) this.build();
    Object.assign(this, { instances, moved, tables });
    fill(this.select, instances.map((one, at) => h("option", { value: at }, `${first(one, TAG.number) || at + 1} of ${instances.length}`)));
    this.select.value = instances.indexOf(chosen);
    this.select.disabled = instances.length < 2;
    this.under?.abort();
    const { signal } = (this.under = new AbortController());
    try {
      const [set] = await json(`${place(chosen)}/metadata`, { signal });
      this.link.href = `${SERVICE}${place(chosen)}/metadata?accept=application/dicom%2Bjson`;
      this.nodes = tree(set, tables);
      fill(this.note);
      this.draw();
    } catch (error) {
      if (!signal.aborted) fill(this.note, trouble(error));
    }
  }

  build() {
    const filter = h("input", { type: "search", id: "filter", autocomplete: "off", spellcheck: "false", placeholder: "Tag, keyword or value" });
    filter.addEventListener("input", later(100, () => {
      this.sought = filter.value.trim().toLowerCase();
      this.draw();
    }));
    this.select = h("select", { id: "which" });
    this.select.addEventListener("change", () => this.moved(this.instances[this.select.value]));
    this.link = external("", { class: "button" }, "As JSON");
    this.note = h("div");
    this.total = h("p", { class: "muted small", role: "status" });
    this.list = new VirtualList({
      id: "element",
      height: 28,
      role: "treegrid",
      label: "Data elements; the arrow keys open and close sequences, Enter shows a value",
      line: (index) => this.line(this.shown[index]),
      chosen: (index) => this.press(this.shown[index]),
      keys: (event, index) => this.key(event, this.shown[index]),
    });
    this.list.inner.setAttribute("role", "rowgroup");
    this.list.element.setAttribute("aria-colcount", "4");
    this.classList.add("metadata");
    fill(
      this,
      h(
        "div",
        { class: "finder" },
        h("div", { class: "field" }, h("label", { for: "filter" }, "Filter"), filter),
        h("div", { class: "field" }, h("label", { for: "which" }, "Instance"), this.select),
        this.link,
        this.total,
      ),
      this.note,
      h("div", { class: "list-head tree head", "aria-hidden": "true" }, ["Tag", "VR", "Keyword", "Value"].map((head) => h("span", {}, head))),
      this.list.element,
    );
  }

  draw() {
    this.shown = [];
    let matches = 0;
    const visit = (nodes, within) => {
      let any = false;
      for (const node of nodes) {
        const at = this.shown.push(node) - 1;
        const hit = Boolean(this.sought) && Boolean(node.found?.includes(this.sought));
        matches += hit;
        const below = node.children && (this.sought || node.open) ? visit(node.children, within || hit) : false;
        if (this.sought && !hit && !below && !within) this.shown.length = at;
        else any = true;
      }
      return any;
    };
    visit(this.nodes, false);
    this.total.textContent = this.sought ? `${matches} found` : `${this.nodes.length} elements`;
    this.list.setCount(this.shown.length);
  }

  line(node) {
    const tag = node.tag ? `(${node.tag.slice(0, 4)},${node.tag.slice(4)})` : "";
    const open = node.children ? Boolean(this.sought || node.open) : null;
    const element = h(
      "div",
      { class: "tree", role: "row", "aria-level": node.depth + 1, "aria-expanded": open === null ? null : String(open) },
      h("span", { class: "tag", role: "gridcell" }, this.mark(tag)),
      h("span", { class: "vr", role: "gridcell" }, node.vr),
      h("span", { role: "gridcell", class: node.isPrivate ? "private" : null }, this.mark(node.name)),
      h(
        "span",
        { role: "gridcell" },
        node.bulk ? this.bulk(node) : h("bdi", { lang: language(node.text.slice(0, 200)) }, this.mark(node.text.slice(0, 400))),
        node.meaning ? h("span", { class: "muted" }, " ", node.meaning) : null,
      ),
    );
    element.style.setProperty("--depth", node.depth);
    return element;
  }

  // BulkDataURIs begin with the address that the service is known by; here it is reached under that of this page.
  bulk(node) {
    const path = node.bulk.replace(/^.*?(?=\/studies\/)/, "");
    return external(SERVICE + path, {}, "bulk data");
  }

  mark(text) {
    const at = this.sought ? text.toLowerCase().indexOf(this.sought) : -1;
    if (at < 0) return text;
    const end = at + this.sought.length;
    return [text.slice(0, at), h("mark", {}, text.slice(at, end)), text.slice(end)];
  }

  press(node) {
    if (node.children) {
      node.open = !node.open;
      this.draw();
    } else {
      this.whole(node);
    }
  }

  key(event, node) {
    if (!node || (event.key !== "ArrowRight" && event.key !== "ArrowLeft")) return false;
    event.preventDefault();
    const opening = event.key === "ArrowRight";
    if (node.children && node.open !== opening) {
      this.press(node);
    } else if (!opening) {
      const above = this.shown.slice(0, this.list.active).findLastIndex((other) => other.depth < node.depth);
      if (above >= 0) this.list.to(above);
    }
    return true;
  }

  whole(node) {
    const box = h(
      "dialog",
      { class: "dialog", "aria-labelledby": "value-title" },
      h("h2", { id: "value-title" }, node.name || node.tag),
      h("p", { class: "muted small mono" }, `${node.path}  ${node.vr}`),
      h("div", { class: "block" }, h("pre", { tabindex: "0", dir: "auto", "aria-label": "Value" }, node.bulk ? this.bulk(node) : node.text || "(empty)")),
      h("div", { class: "buttons" }, h("button", { onclick: () => box.close() }, "Close")),
    );
    box.addEventListener("close", () => {
      box.remove();
      this.list.element.focus();
    });
    document.body.append(box);
    box.showModal();
  }
}

customElements.define("rl-metadata", Metadata);
