// Deleting, after a question that says what it is about.

import { places, send, SERVICE } from "./api.js";
import { count, fill, h, trouble } from "./dom.js";
import { date, first, person, TAG } from "./words.js";

// Gives "study" or "series" once that is deleted, and null if it was left as it is.
export function remove(study, state, all) {
  const series = all.length > 1 && all.find((one) => first(one, TAG.series) === state.series);
  return new Promise((resolve) => {
    const note = h("div");
    const choice = (value, checked, ...label) =>
      h("p", {}, h("label", {}, h("input", { type: "radio", name: "what", value, checked, class: "choice" }), " ", ...label));
    const whole = `${count(first(study, TAG.seriesInStudy), "series", "series")} with ${count(first(study, TAG.instancesInStudy), "image", "images")}`;
    const confirm = h("button", { class: "danger primary", type: "button" }, "Delete");
    const box = h(
      "dialog",
      { class: "dialog narrow", "aria-labelledby": "delete-title" },
      h("h2", { id: "delete-title" }, "Delete from the archive?"),
      h("p", {}, person(first(study, TAG.name)), `, ${date(first(study, TAG.studyDate)) || "without a date"}`),
      series
        ? [choice("study", true, "The whole study: ", whole), choice("series", false, `Only the chosen series, number ${first(series, TAG.seriesNumber)}`)]
        : h("p", {}, whole),
      h("p", { class: "muted small" }, "Nobody finds it any more. Its bytes are kept for a while: until then an administrator can bring it back (radiolucent undelete)."),
      note,
      h("div", { class: "buttons" }, h("button", { type: "button", autofocus: true, onclick: () => box.close() }, "Cancel"), confirm),
    );
    confirm.addEventListener("click", async () => {
      const only = box.querySelector("input:checked")?.value === "series";
      confirm.disabled = true;
      try {
        await send(SERVICE + (only ? places.series(state.study, state.series) : places.study(state.study)), { method: "DELETE" });
        box.close(only ? "series" : "study");
      } catch (error) {
        confirm.disabled = false;
        fill(note, trouble(error));
      }
    });
    box.addEventListener("close", () => {
      box.remove();
      resolve(box.returnValue || null);
    });
    document.body.append(box);
    box.showModal();
  });
}
