// The list of studies: searched as one types, sorted and paged by the server. Its whole state stands in the address.

import { places, search, SERVICE } from "./api.js";
import { count, fill, h, icon, later, say, trouble } from "./dom.js";
import { date, first, person, SEXES, TAG, text, time, values } from "./words.js";

const PAGE = 50;
const NEWEST = "-StudyDate,-StudyTime";
const MODALITIES = "CR CT DX ES IO MG MR NM OP OPT OT PT PX RF RTDOSE RTIMAGE RTPLAN RTSTRUCT SC SEG SM SR US XA XC".split(" ");
const DAYS = { "": "Any date", 0: "Today", 1: "Since yesterday", 6: "Last 7 days", 29: "Last 30 days", 364: "Last year", range: "From … to …" };
const COLUMNS = [
  { title: "" },
  { title: "Patient", key: "PatientName" },
  { title: "Patient ID", key: "PatientID" },
  { title: "Study date", key: "StudyDate" },
  { title: "Modality" },
  { title: "Description", key: "StudyDescription" },
  { title: "Accession", key: "AccessionNumber" },
  { title: "Series / Images", class: "number" },
];
const FIELDS = ["name", "id", "accession", "description", "modality", "days", "from", "to", "order"];

const wild = (value) => (/[*?]/.test(value) ? value : null);
const compact = (day) => day.replaceAll("-", "");

function daysAgo(days) {
  const day = new Date();
  day.setDate(day.getDate() - days);
  return [day.getFullYear(), day.getMonth() + 1, day.getDate()].map((part) => String(part).padStart(2, "0")).join("");
}

// What the address asks for, in the words of PS3.18 10.6.
export function query(state) {
  const asked = { limit: PAGE, count: "true", orderby: state.order || NEWEST };
  if (state.name) Object.assign(asked, { PatientName: state.name, fuzzymatching: wild(state.name) ? "false" : "true" });
  if (state.id) asked.PatientID = wild(state.id) ?? `${state.id}*`;
  if (state.accession) asked.AccessionNumber = wild(state.accession) ?? `${state.accession}*`;
  if (state.description) asked.StudyDescription = wild(state.description) ?? `*${state.description}*`;
  if (state.modality) asked.ModalitiesInStudy = state.modality;
  if (state.days === "range") {
    if (state.from || state.to) asked.StudyDate = `${compact(state.from)}-${compact(state.to)}`;
  } else if (state.days) {
    asked.StudyDate = `${daysAgo(Number(state.days))}-`;
  }
  if (state.cursor) asked.cursor = state.cursor;
  return asked;
}

class Worklist extends HTMLElement {
  state = {};
  under = null;

  connectedCallback() {
    this.onkeydown = (event) => this.move(event);
    this.shortcut = (event) => {
      const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !document.querySelector("dialog[open]")) {
        event.preventDefault();
        this.fields.name.select();
      }
    };
    addEventListener("keydown", this.shortcut);
  }

  disconnectedCallback() {
    removeEventListener("keydown", this.shortcut);
    this.under?.abort();
    this.typed?.stop();
  }

  setAddress(address) {
    this.state = Object.fromEntries([...FIELDS, "cursor"].map((name) => [name, address.get(name) ?? ""]));
    if (!this.fields) this.build();
    for (const [name, field] of Object.entries(this.fields)) if (field.value !== this.state[name]) field.value = this.state[name];
    this.showRange();
    this.find();
  }

  build() {
    const field = (name, label, input) => {
      this.fields[name] = input;
      input.id = `find-${name}`;
      return h("div", { class: `field ${name}` }, h("label", { for: input.id }, label), input);
    };
    const box = (placeholder) => h("input", { type: "search", autocomplete: "off", spellcheck: "false", dir: "auto", placeholder });
    const choice = (options) => h("select", {}, Object.entries(options).map(([value, title]) => h("option", { value }, title)));
    this.fields = {};
    const form = h(
      "form",
      { class: "finder", role: "search", "aria-label": "Find studies", onsubmit: (event) => event.preventDefault() },
      field("name", "Patient name", box("/ to search")),
      field("id", "Patient ID", box()),
      field("accession", "Accession number", box()),
      field("description", "Description", box()),
      field("modality", "Modality", choice({ "": "Any", ...Object.fromEntries(MODALITIES.map((name) => [name, name])) })),
      field("days", "Study date", choice(DAYS)),
      field("from", "From", h("input", { type: "date" })),
      field("to", "To", h("input", { type: "date" })),
      h("button", { type: "button", class: "clear", onclick: () => this.go({}) }, "Clear"),
    );
    this.typed = later(200, () => this.take());
    form.addEventListener("input", (event) => {
      if (event.target.type === "search") this.typed();
      else this.take();
      this.showRange();
    });
    this.total = h("p", { class: "total", role: "status" });
    this.body = h("tbody");
    this.head = h("tr");
    this.pager = h("nav", { class: "pager", "aria-label": "Pages of the list" });
    this.note = h("div");
    fill(
      this,
      h("div", { class: "heading" }, h("h1", {}, "Studies"), this.total),
      form,
      this.note,
      h("table", { class: "studies" }, h("caption", { class: "hidden" }, "Studies that were found"), h("thead", {}, this.head), this.body),
      this.pager,
    );
  }

  showRange() {
    const hidden = this.fields.days.value !== "range";
    for (const name of ["from", "to"]) this.fields[name].parentElement.hidden = hidden;
  }

  // From the fields into the address, in place: a letter is no step that one wants to go back to.
  take() {
    const state = Object.fromEntries(Object.entries(this.fields).map(([name, field]) => [name, field.value.trim()]));
    this.go({ ...state, order: this.state.order }, true);
  }

  go(state, replace = false, paged = false) {
    this.typed.stop();
    const asked = new URLSearchParams(Object.entries(state).filter(([, value]) => value));
    const address = `#/${asked.size ? `?${asked}` : ""}`;
    history[replace ? "replaceState" : "pushState"]({ paged }, "", address);
    this.setAddress(asked);
  }

  async find() {
    this.under?.abort();
    const { signal } = (this.under = new AbortController());
    this.drawHead();
    this.setAttribute("aria-busy", "true");
    try {
      const page = await search("/studies", query(this.state), { signal });
      this.removeAttribute("aria-busy");
      this.draw(page);
    } catch (error) {
      if (signal.aborted) return;
      this.removeAttribute("aria-busy");
      fill(this.note, trouble(error));
    }
  }

  drawHead() {
    const order = this.state.order || NEWEST;
    fill(
      this.head,
      COLUMNS.map(({ title, key, class: name }) => {
        if (!key) return h(title ? "th" : "td", { scope: title ? "col" : null, class: name }, title);
        const sorted = order.startsWith(`-${key}`) ? "descending" : order.startsWith(key) ? "ascending" : null;
        const other = sorted ? (sorted === "ascending" ? `-${key}` : key) : key === "StudyDate" ? "-StudyDate" : key;
        const chosen = other.endsWith("StudyDate") ? other.replace("StudyDate", `StudyDate,${other[0] === "-" ? "-" : ""}StudyTime`) : other;
        return h(
          "th",
          { scope: "col", "aria-sort": sorted },
          h("button", { class: "sort", onclick: () => this.go({ ...this.state, cursor: "", order: chosen === NEWEST ? "" : chosen }) }, title),
        );
      }),
    );
  }

  draw({ matches, total, cursor }) {
    fill(this.note);
    this.total.textContent = count(total, "study", "studies");
    fill(this.body, matches.map((study) => this.row(study)));
    if (!matches.length) fill(this.note, this.nothing());
    fill(
      this.pager,
      this.state.cursor && h("button", { onclick: () => this.go({ ...this.state, cursor: "" }) }, "First page"),
      history.state?.paged && h("button", { onclick: () => history.back() }, icon("back"), "Previous"),
      cursor &&
        h(
          "button",
          {
            onclick: () => {
              this.go({ ...this.state, cursor }, false, true);
              scrollTo(0, 0);
              say("Next page");
            },
          },
          "Next",
          icon("next"),
        ),
    );
  }

  nothing() {
    const asked = FIELDS.some((name) => name !== "order" && this.state[name]);
    if (asked) return h("p", { class: "empty" }, "No study matches. In IDs and descriptions, capital letters count; * stands for anything.");
    return h("p", { class: "empty" }, "The archive is empty: ", h("a", { href: "#/upload" }, "upload files"), ".");
  }

  row(study) {
    const uid = first(study, TAG.study);
    const sex = first(study, TAG.sex);
    const modalities = values(study, TAG.modalities).filter(Boolean);
    const about = [first(study, TAG.birth) && date(first(study, TAG.birth)), SEXES[sex] ?? sex].filter(Boolean).join(" · ");
    return h(
      "tr",
      {},
      h("td", { class: "thumb" }, this.thumbnail(`${SERVICE}${places.study(uid)}/thumbnail?viewport=96,96`)),
      h(
        "td",
        { class: "who" },
        h("a", { class: "row-link", href: `#/studies/${uid}` }, person(first(study, TAG.name))),
        about && h("span", { class: "second" }, about),
      ),
      h("td", { class: "id", "data-label": "ID" }, text(first(study, TAG.id))),
      h(
        "td",
        { class: "when", "data-label": "Date" },
        date(first(study, TAG.studyDate)),
        h("span", { class: "second" }, first(study, TAG.studyTime) && time(first(study, TAG.studyTime))),
      ),
      h("td", { class: "modality" }, modalities.map((name) => [h("span", { class: "chip" }, name), " "])),
      h("td", { class: "what" }, text(first(study, TAG.studyDescription))),
      h("td", { class: "accession", "data-label": "Accession" }, text(first(study, TAG.accession))),
      h("td", { class: "number", "data-label": "Series / Images" }, `${first(study, TAG.seriesInStudy)} / ${first(study, TAG.instancesInStudy)}`),
    );
  }

  thumbnail(url) {
    const image = h("img", { alt: "", loading: "lazy", decoding: "async", width: 48, height: 48 });
    image.addEventListener("error", () => image.classList.add("none"));
    image.src = url;
    return image;
  }

  // Up and down from study to study; from the fields, down leads into the list.
  move(event) {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    if (event.target.tagName === "SELECT" || event.target.type === "date") return;
    const rows = [...this.body.querySelectorAll("a.row-link")];
    const at = rows.indexOf(event.target);
    const to = at + (event.key === "ArrowDown" ? 1 : -1);
    if (at < 0 && event.key === "ArrowUp") return;
    event.preventDefault();
    if (to < 0) this.fields.name.focus();
    else rows[to]?.focus();
  }
}

customElements.define("rl-worklist", Worklist);
