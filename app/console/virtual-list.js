// A list of any length of which only the lines in sight are elements. It is moved through by arrow keys, as one stop of the tab key.

import { h } from "./dom.js";

export class VirtualList {
  count = 0;
  active = -1;
  shown = new Map();

  // `line(index)` makes one element; `chosen(index)` is told of Enter and clicks, `keys(event, index)` of every key before the list
  // takes it; true says that it is dealt with. `roles`: those of the list, and of the element within that holds the lines.
  constructor({ height, label, line, chosen, keys, role = "listbox", id }) {
    Object.assign(this, { height, line, chosen, keys, id });
    this.inner = h("div", { role: "presentation" });
    this.element = h("div", { class: "list", role, tabindex: "0", "aria-label": label }, this.inner);
    this.element.addEventListener("scroll", () => this.draw());
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("click", (event) => {
      const found = event.target.closest(".line");
      if (!found || event.target.closest("a, button")) return;
      this.to(Number(found.dataset.index));
      this.chosen?.(this.active);
    });
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  setCount(count) {
    this.count = count;
    this.element.setAttribute(this.element.role === "listbox" ? "data-count" : "aria-rowcount", count);
    this.inner.style.height = `${count * this.height}px`;
    if (this.active >= count) this.active = count - 1;
    this.refresh();
  }

  // Draws what is in sight anew, since it has changed.
  refresh() {
    for (const element of this.shown.values()) element.remove();
    this.shown.clear();
    this.draw();
  }

  draw() {
    const top = Math.max(0, Math.floor(this.element.scrollTop / this.height) - 4);
    const end = Math.min(this.count, Math.ceil((this.element.scrollTop + this.element.clientHeight) / this.height) + 4);
    for (const [index, element] of this.shown) {
      if (index < top || index >= end) {
        element.remove();
        this.shown.delete(index);
      }
    }
    for (let index = top; index < end; index += 1) {
      if (this.shown.has(index)) continue;
      const element = this.line(index);
      element.classList.add("line");
      element.id = `${this.id}-${index}`;
      element.dataset.index = index;
      element.style.top = `${index * this.height}px`;
      element.style.height = `${this.height}px`;
      this.shown.set(index, element);
      const next = [...this.shown.keys()].filter((other) => other > index).sort((a, b) => a - b)[0];
      this.inner.insertBefore(element, this.shown.get(next) ?? null);
    }
    this.mark();
  }

  mark() {
    for (const [index, element] of this.shown) {
      element.classList.toggle("active", index === this.active);
      if (element.role === "option" || element.role === "row") element.setAttribute("aria-selected", index === this.active);
    }
    if (this.shown.has(this.active)) this.element.setAttribute("aria-activedescendant", `${this.id}-${this.active}`);
    else this.element.removeAttribute("aria-activedescendant");
  }

  to(index) {
    this.active = Math.max(0, Math.min(this.count - 1, index));
    const { scrollTop, clientHeight } = this.element;
    const top = this.active * this.height;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + this.height > scrollTop + clientHeight) this.element.scrollTop = top + this.height - clientHeight;
    this.draw();
  }

  key(event) {
    if (event.target !== this.element || this.keys?.(event, this.active)) return;
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.height) - 1);
    const steps = { ArrowDown: this.active + 1, ArrowUp: this.active - 1, PageDown: this.active + page, PageUp: this.active - page };
    Object.assign(steps, { Home: 0, End: this.count - 1 });
    if (event.key === "Enter" && this.active >= 0) this.chosen?.(this.active);
    else if (event.key in steps && this.count) this.to(steps[event.key]);
    else return;
    event.preventDefault();
  }
}
