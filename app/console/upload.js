// Files, folders and archives into the archive: dropped or chosen, with what became of each.

import { chosen, dropped } from "./dicom-file.js";
import { bytes, count, fill, h, icon, say } from "./dom.js";
import { uploads } from "./upload-queue.js";
import { VirtualList } from "./virtual-list.js";

const TOLD = { waiting: "waits", sending: "under way", stored: "stored", warned: "stored, with a remark", refused: "not stored" };
const REFRESH = 250;

function span(seconds) {
  if (seconds === null) return "";
  if (seconds < 60) return `${Math.ceil(seconds)} s left`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min left`;
  return `${(seconds / 3600).toFixed(1)} h left`;
}

class Upload extends HTMLElement {
  version = -1;

  setAddress() {
    if (!this.list) this.build();
  }

  connectedCallback() {
    this.timer = setInterval(() => this.tick(), REFRESH);
    this.tick(true);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
  }

  build() {
    const input = (properties, label, name) => {
      const field = h("input", { type: "file", class: "hidden", tabindex: "-1", "aria-hidden": "true", id: name, ...properties });
      field.addEventListener("change", () => {
        this.add(chosen(field.files));
        field.value = "";
      });
      return [h("button", { onclick: () => field.click() }, label), field];
    };
    this.zone = h(
      "div",
      { class: "drop" },
      icon("up"),
      h("p", {}, h("strong", {}, "Drop files, folders or zip archives here")),
      h("div", { class: "buttons" }, input({ multiple: true }, "Choose files", "files"), input({ webkitdirectory: true }, "Choose a folder", "folder")),
      (this.gathering = h("p", { class: "muted", role: "status" })),
    );
    for (const name of ["dragenter", "dragover"]) {
      this.zone.addEventListener(name, (event) => {
        event.preventDefault();
        this.zone.classList.add("over");
      });
    }
    this.zone.addEventListener("dragleave", () => this.zone.classList.remove("over"));
    this.zone.addEventListener("drop", (event) => this.drop(event));
    this.bar = h("progress", { "aria-label": "Uploaded", max: 1, value: 0 });
    this.figures = h("p", { class: "figures" });
    this.buttons = h("div", { class: "buttons" });
    this.filter = h("select", { id: "show" }, h("option", { value: "" }, "All files"), h("option", { value: "bad" }, "Not stored, or with a remark"));
    this.filter.addEventListener("change", () => this.tick(true));
    this.list = new VirtualList({
      id: "file",
      height: 30,
      label: "Files; Enter opens the study of a stored one, or tells why another is not",
      line: (index) => this.line(this.shown[index]),
      chosen: (index) => this.press(this.shown[index]),
    });
    this.report = h(
      "section",
      { "aria-label": "Progress", hidden: true },
      this.bar,
      h("div", { class: "upload-state" }, this.figures, this.buttons),
      h("div", { class: "finder" }, h("div", { class: "field" }, h("label", { for: "show" }, "Show"), this.filter)),
      this.list.element,
    );
    fill(this, h("div", { class: "heading" }, h("h1", {}, "Upload")), this.zone, this.report);
    this.classList.add("upload");
  }

  async drop(event) {
    event.preventDefault();
    this.zone.classList.remove("over");
    try {
      this.add(await dropped(event.dataTransfer, (number) => (this.gathering.textContent = `Looking through folders: ${count(number, "file", "files")}`)));
    } catch {
      this.gathering.textContent = "The browser could not read what was dropped.";
    }
  }

  add(files) {
    this.gathering.textContent = files.length ? "" : "There was no file in it.";
    uploads.add(files);
    this.tick(true); // what is found later the next ticks show
  }

  press({ state, path, reason, study }) {
    if (state === "stored") {
      location.hash = `#/studies/${study}`;
    } else if (reason) {
      const box = h(
        "dialog",
        { class: "dialog narrow", "aria-labelledby": "file-title" },
        h("h2", { id: "file-title" }, h("bdi", {}, path)),
        h("p", {}, reason),
        h(
          "div",
          { class: "buttons" },
          study && h("a", { class: "button", href: `#/studies/${study}`, onclick: () => box.close() }, "Open the study"),
          h("button", { onclick: () => box.close() }, "Close"),
        ),
      );
      box.addEventListener("close", () => box.remove());
      document.body.append(box);
      box.showModal();
    }
  }

  line(entry) {
    return h(
      "div",
      { role: "option", class: entry.state },
      h("span", { class: "state" }, TOLD[entry.state]),
      h("bdi", { title: entry.path }, entry.path),
      h("span", { class: "number muted" }, bytes(entry.size)),
      h("span", { title: entry.reason || null }, entry.reason),
    );
  }

  tick(changed = false) {
    const { running, counts, entries } = uploads;
    if (running || this.running) this.progress();
    if (!changed && uploads.version === this.version) return;
    this.version = uploads.version;
    this.report.hidden = !entries.length;
    const bad = this.filter.value === "bad";
    this.shown = bad ? entries.filter(({ state }) => state === "refused" || state === "warned") : entries;
    this.list.setCount(this.shown.length);
    this.progress();
    const now = [running, counts.waiting > 0, counts.refused > 0, counts.stored + counts.warned + counts.refused > 0].join();
    if (now !== this.now) fill(this.buttons, this.choices());
    this.now = now;
    if (this.running && !running) {
      const end = counts.waiting ? "Stopped" : "Done";
      say(`${end}: ${counts.stored + counts.warned} stored, ${counts.refused} not stored`);
    }
    this.running = running;
  }

  choices() {
    const { running, counts } = uploads;
    return [
      running && h("button", { onclick: () => uploads.stop() }, icon("pause"), "Stop"),
      !running && counts.waiting > 0 && h("button", { class: "primary", onclick: () => uploads.start() }, icon("play"), "Go on"),
      !running && counts.refused > 0 && h("button", { onclick: () => uploads.again() }, "Try those again that were not stored"),
      !running && counts.stored + counts.warned + counts.refused > 0 && h("button", { onclick: () => uploads.clear() }, "Clear the list"),
    ];
  }

  progress() {
    const { counts, entries, total, running } = uploads;
    const { sent, rate, remaining } = uploads.progress();
    const ended = counts.stored + counts.warned + counts.refused;
    this.bar.value = total ? sent / total : ended === entries.length ? 1 : 0;
    const parts = [
      `${ended.toLocaleString("en")} of ${count(entries.length, "file", "files")}`,
      `${bytes(sent)} of ${bytes(total)}`,
      running && rate ? `${bytes(rate)}/s` : "",
      running ? span(remaining) : counts.waiting ? "stopped" : "done",
      counts.refused ? `${counts.refused.toLocaleString("en")} not stored` : "",
    ];
    this.figures.textContent = parts.filter(Boolean).join(" · ");
  }
}

customElements.define("rl-upload", Upload);
