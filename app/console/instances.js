// The instances of a series as a list of lines.

import { h } from "./dom.js";
import { VirtualList } from "./virtual-list.js";
import { first, TAG } from "./words.js";

const HEADS = ["No.", "SOP Class", "Size", "Frames", "Transfer syntax", "SOP Instance UID"];

export function instanceList(instances, tables, chosen) {
  const list = new VirtualList({
    id: "instance",
    height: 32,
    label: "Instances; Enter shows the chosen one",
    chosen: (index) => chosen(instances[index]),
    line: (index) => {
      const one = instances[index];
      const size = first(one, TAG.rows) && `${first(one, TAG.columns)} × ${first(one, TAG.rows)}`;
      const cells = [
        first(one, TAG.number),
        tables.classes[first(one, TAG.sopClass)] ?? first(one, TAG.sopClass),
        size,
        first(one, TAG.frames),
        tables.syntaxes[first(one, TAG.syntax)] ?? first(one, TAG.syntax),
      ];
      return h(
        "div",
        { role: "option" },
        cells.map((cell) => h("span", { title: String(cell).length > 16 ? cell : null }, String(cell))),
        h("span", { class: "mono" }, first(one, TAG.instance)),
      );
    },
  });
  list.setCount(instances.length);
  return h("div", { class: "instances" }, h("div", { class: "list-head", "aria-hidden": "true" }, HEADS.map((head) => h("span", {}, head))), list.element);
}
