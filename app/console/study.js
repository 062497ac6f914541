// A study: whose it is, its series as a strip, and of the chosen series pictures, instances and metadata.

import { dictionary, everything, OHIF, places, save, search, SERVICE } from "./api.js";
import { commands } from "./commands.js";
import { remove } from "./deletion.js";
import { count, fill, h, icon, trouble } from "./dom.js";
import { instanceList } from "./instances.js";
import "./metadata.js";
import "./quick-look.js";
import { date, first, person, SEXES, TAG, text, time, values } from "./words.js";

const TABS = { look: "Pictures", instances: "Instances", metadata: "Metadata" };
const FIELDS = "Rows,Columns,NumberOfFrames,InstanceNumber,SOPClassUID,AvailableTransferSyntaxUID";

class Study extends HTMLElement {
  under = new AbortController();
  state = {};

  disconnectedCallback() {
    this.under.abort();
  }

  setAddress(address) {
    const state = Object.fromEntries(["study", "series", "instance", "tab"].map((name) => [name, address.get(name) ?? ""]));
    const before = this.state;
    this.state = state;
    if (before.study !== state.study) this.open();
    else if (this.series) this.choose();
  }

  address(changes) {
    const { study, ...others } = { ...this.state, ...changes };
    const asked = new URLSearchParams(Object.entries(others).filter(([, value]) => value));
    return `#/studies/${study}${asked.size ? `?${asked}` : ""}`;
  }

  go(changes, replace = false) {
    const address = this.address(changes);
    history[replace ? "replaceState" : "pushState"](null, "", address);
    this.setAddress(new URLSearchParams({ ...this.state, ...changes }));
  }

  async open() {
    const { study } = this.state;
    const { signal } = this.under;
    fill(this, h("p", { class: "muted" }, "…"));
    try {
      const [found, series] = await Promise.all([
        search("/studies", { StudyInstanceUID: study, includefield: "InstitutionName,PatientAge,StudyDescription" }, { signal }),
        everything(`${places.study(study)}/series`, { orderby: "SeriesNumber", includefield: "BodyPartExamined,Manufacturer" }, { signal }),
      ]);
      if (!found.matches.length) throw new Error("There is no such study, or you may not see it.");
      this.series = series;
      this.draw(found.matches[0]);
      this.choose();
    } catch (error) {
      if (signal.aborted) return;
      fill(this, this.crumb(), h("h1", {}, "Study"), trouble(error));
    }
  }

  crumb() {
    return h("a", { class: "crumb", href: "#/" }, icon("back"), "Studies");
  }

  draw(study) {
    const { study: uid } = this.state;
    const sex = first(study, TAG.sex);
    const modalities = values(study, TAG.modalities).filter(Boolean);
    const facts = [
      ["Patient ID", text(first(study, TAG.id))],
      ["Born", date(first(study, TAG.birth))],
      ["Sex", SEXES[sex] ?? sex],
      ["Study date", [date(first(study, TAG.studyDate)), first(study, TAG.studyTime) && time(first(study, TAG.studyTime))].filter(Boolean).join(" ")],
      ["Modality", modalities.join(", ")],
      ["Description", text(first(study, TAG.studyDescription))],
      ["Accession number", text(first(study, TAG.accession))],
      ["Referred by", first(study, TAG.referring) && person(first(study, TAG.referring), "")],
      ["Holds", `${count(first(study, TAG.seriesInStudy), "series", "series")}, ${count(first(study, TAG.instancesInStudy), "image", "images")}`],
      ["Study Instance UID", h("span", { class: "mono" }, uid)],
    ].filter(([, value]) => (value?.textContent ?? value) !== "");
    document.title = "Study · Radiolucent";
    this.strip = h("nav", { class: "strip", "aria-label": "Series" });
    this.tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Of this series" });
    this.panel = h("div", { role: "tabpanel", id: "panel" });
    fill(
      this,
      this.crumb(),
      h(
        "div",
        { class: "study-head" },
        h("h1", {}, person(first(study, TAG.name))),
        h(
          "div",
          { class: "actions" },
          OHIF && h("a", { class: "button primary", href: `${OHIF}/viewer?StudyInstanceUIDs=${uid}` }, icon("open"), "Open in OHIF"),
          h("button", { onclick: () => this.download() }, icon("download"), "Download zip"),
          h("button", { onclick: () => commands(this.current ?? this.state) }, icon("copy"), "Copy as …"),
          h("button", { class: "danger", onclick: () => this.remove(study) }, icon("bin"), "Delete"),
        ),
      ),
      (this.note = h("div")),
      h("dl", { class: "facts" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
      h("div", { class: "study-body" }, this.strip, h("section", { "aria-label": "Series" }, this.tabs, this.panel)),
    );
    fill(this.strip, this.series.map((series) => this.card(series)));
    fill(
      this.tabs,
      Object.entries(TABS).map(([tab, title]) =>
        h("button", { role: "tab", id: `tab-${tab}`, "aria-controls": "panel", onclick: () => this.go({ tab: tab === "look" ? "" : tab }) }, title),
      ),
    );
    this.tabs.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const names = Object.keys(TABS);
      const tab = names[(names.indexOf(this.state.tab || "look") + step + names.length) % names.length];
      this.go({ tab: tab === "look" ? "" : tab });
      this.tabs.querySelector(`#tab-${tab}`).focus();
    });
  }

  card(series) {
    const uid = first(series, TAG.series);
    const image = h("img", { alt: "", loading: "lazy", width: 72, height: 72 });
    image.addEventListener("error", () => image.classList.add("none"));
    image.src = `${SERVICE}${places.series(this.state.study, uid)}/thumbnail?viewport=144,144`;
    return h(
      "a",
      { class: "card", href: this.address({ series: uid, instance: "" }), "data-series": uid },
      image,
      h(
        "span",
        {},
        h("span", { class: "chip" }, first(series, TAG.modality)),
        ` ${first(series, TAG.seriesNumber)}`,
        h("span", { class: "second title" }, text(first(series, TAG.seriesDescription) || first(series, TAG.bodyPart) || "Series")),
        h("span", { class: "second" }, count(first(series, TAG.instancesInSeries), "image", "images")),
      ),
    );
  }

  async choose() {
    const series = this.series.find((one) => first(one, TAG.series) === this.state.series) ?? this.series[0];
    if (!series) return;
    const uid = first(series, TAG.series);
    for (const card of this.strip.children) {
      if (card.dataset.series === uid) card.setAttribute("aria-current", "true");
      else card.removeAttribute("aria-current");
      card.href = this.address({ series: card.dataset.series, instance: "" });
    }
    const tab = this.state.tab in TABS ? this.state.tab : "look";
    for (const button of this.tabs.children) {
      const chosen = button.id === `tab-${tab}`;
      button.setAttribute("aria-selected", chosen);
      button.tabIndex = chosen ? 0 : -1;
    }
    this.panel.setAttribute("aria-labelledby", `tab-${tab}`);
    const { signal } = this.under;
    try {
      if (this.loaded?.uid !== uid) {
        const path = `${places.series(this.state.study, uid)}/instances`;
        this.loaded = { uid, instances: everything(path, { orderby: "InstanceNumber", includefield: FIELDS, limit: 1000 }, { signal }) };
      }
      const [instances, tables] = await Promise.all([this.loaded.instances, dictionary()]);
      if (!signal.aborted && this.loaded.uid === uid) this.show(tab, uid, instances, tables);
    } catch (error) {
      this.loaded = null;
      if (!signal.aborted) fill(this.panel, trouble(error));
    }
  }

  // The chosen tab, with what is in it already if it shows the same series.
  show(tab, series, instances, tables) {
    const chosen = instances.find((one) => first(one, TAG.instance) === this.state.instance) ?? instances[0];
    this.current = { study: this.state.study, series, instance: first(chosen, TAG.instance) };
    const place = (instance) => places.instance(this.state.study, series, first(instance, TAG.instance));
    if (this.within?.tab !== tab || this.within.series !== series || tab === "instances") {
      this.within = { tab, series, element: null };
      if (tab === "look") this.within.element = document.createElement("rl-quick-look");
      if (tab === "metadata") this.within.element = document.createElement("rl-metadata");
      if (tab === "instances") {
        this.within.element = instanceList(instances, tables, (instance) => this.go({ instance: first(instance, TAG.instance), tab: "" }));
      }
      fill(this.panel, this.within.element);
    }
    const modality = first(this.series.find((one) => first(one, TAG.series) === series), TAG.modality);
    const moved = (instance) => this.go({ series, instance: first(instance, TAG.instance) }, true);
    if (tab === "look") this.within.element.show({ series, modality, instances, chosen, place, moved });
    if (tab === "metadata") this.within.element.show({ instances, chosen, place, moved, tables });
  }

  download() {
    fill(this.note);
    save(`${SERVICE}${places.study(this.state.study)}?accept=application/zip`);
  }

  async remove(study) {
    const gone = await remove(study, this.current ?? this.state, this.series);
    if (gone === "study") location.hash = "#/";
    else if (gone) {
      this.state = { study: this.state.study };
      history.replaceState(null, "", this.address({}));
      this.loaded = this.within = null;
      this.open();
    }
  }
}

customElements.define("rl-study", Study);
