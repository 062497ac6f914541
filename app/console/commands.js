// A study, series or instance as words for elsewhere: its DICOMweb URL, curl, Python.

import { places, SERVICE } from "./api.js";
import { fill, h, icon, say } from "./dom.js";

function python({ study, series, instance }) {
  const level = instance ? "instance" : series ? "series" : "study";
  const uids = [study, series, instance].filter(Boolean).map((uid) => `"${uid}"`);
  return `from dicomweb_client.api import DICOMwebClient

client = DICOMwebClient("${SERVICE}")
metadata = client.retrieve_${level}_metadata(${uids.join(", ")})
datasets = client.retrieve_${level}(${uids.join(", ")})`;
}

export function blocks(place) {
  const { study, series, instance } = place;
  const path = instance ? places.instance(study, series, instance) : series ? places.series(study, series) : places.study(study);
  const url = SERVICE + path;
  return {
    "DICOMweb URL": url,
    "curl: files": `curl -o dicom.zip -H 'Accept: application/zip' '${url}'`,
    "curl: metadata": `curl -H 'Accept: application/dicom+json' '${url}/metadata'`,
    "Python: pip install dicomweb-client": python(place),
  };
}

async function copy(block) {
  try {
    await navigator.clipboard.writeText(block.textContent);
    say("Copied");
    return true;
  } catch {
    // a page that did not come over HTTPS may not: the user does it
    getSelection().selectAllChildren(block);
    say("Selected; copy it with the keyboard");
    return false;
  }
}

export function commands({ study, series, instance }) {
  const levels = { study: { study }, series: series && { study, series }, instance: instance && { study, series, instance } };
  const level = h(
    "select",
    { id: "copy-level" },
    Object.entries(levels).map(([name, place]) => place && h("option", { value: name }, `This ${name}`)),
  );
  const body = h("div");
  const draw = () =>
    fill(
      body,
      Object.entries(blocks(levels[level.value])).map(([title, words]) => {
        const block = h("pre", { tabindex: "0", "aria-label": title }, words);
        const button = h("button", { "aria-label": `Copy ${title}` }, icon("copy"), h("span", {}, "Copy"));
        button.addEventListener("click", async () => {
          button.lastChild.textContent = (await copy(block)) ? "Copied" : "Selected";
        });
        return h("div", { class: "block" }, h("div", {}, h("span", { class: "muted small" }, title), button), block);
      }),
    );
  level.addEventListener("change", draw);
  draw();
  const box = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "copy-title" },
    h("h2", { id: "copy-title" }, "Copy as"),
    h("div", { class: "field" }, h("label", { for: "copy-level" }, "What"), level),
    body,
    h("div", { class: "buttons" }, h("button", { onclick: () => box.close() }, "Close")),
  );
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
}
