// From DICOM JSON to what people read: values, names of people, dates.

import { h } from "./dom.js";

export const TAG = {
  characterSet: "00080005", studyDate: "00080020", studyTime: "00080030", accession: "00080050", modality: "00080060", modalities: "00080061",
  sopClass: "00080016", instance: "00080018", referring: "00080090", institution: "00080080", studyDescription: "00081030",
  seriesDescription: "0008103E", syntax: "00083002", name: "00100010", id: "00100020", birth: "00100030", sex: "00100040", age: "00101010",
  bodyPart: "00180015", study: "0020000D", series: "0020000E", studyId: "00200010", seriesNumber: "00200011", number: "00200013",
  seriesInStudy: "00201206", instancesInStudy: "00201208", instancesInSeries: "00201209", frames: "00280008", rows: "00280010",
  columns: "00280011", center: "00281050", width: "00281051", frameTime: "00181063", cineRate: "00180040", displayRate: "00082144",
};

export function values(set, tag) {
  return set?.[tag]?.Value ?? [];
}

export function first(set, tag) {
  const [value] = values(set, tag);
  return value === null || value === undefined ? "" : value;
}

// 20240229 -> 2024-02-29; what is no date stays as it is.
export function date(value) {
  return /^\d{8}$/.test(value) ? `${value.slice(0, 4)}-${value.slice(4, 6)}-${value.slice(6)}` : String(value);
}

// 101500.123 -> 10:15
export function time(value) {
  const found = /^(\d\d):?(\d\d)?/.exec(value);
  return found ? `${found[1]}:${found[2] ?? "00"}` : String(value);
}

const SCRIPTS = [
  [/\p{Script=Hiragana}|\p{Script=Katakana}/u, "ja"],
  [/\p{Script=Hangul}/u, "ko"],
  [/\p{Script=Han}/u, "zh"],
  [/\p{Script=Arabic}/u, "ar"],
  [/\p{Script=Hebrew}/u, "he"],
  [/\p{Script=Greek}/u, "el"],
  [/\p{Script=Cyrillic}/u, "ru"],
  [/\p{Script=Thai}/u, "th"],
  [/\p{Script=Devanagari}/u, "hi"],
];

// The language whose letters a text is in, as well as letters can tell: it chooses the font and the voice.
export function language(text, beside = "") {
  const found = SCRIPTS.find(([script]) => script.test(text))?.[1];
  if (found !== "zh" || !beside) return found;
  return SCRIPTS.slice(0, 2).find(([script]) => script.test(beside))?.[1] ?? found;
}

// Family^Given^Middle^Prefix^Suffix as it is written; in Chinese, Japanese and Korean without a comma.
function written(group) {
  const [family = "", given = "", middle = "", prefix = "", suffix = ""] = group.split("^").map((part) => part.trim());
  const others = [given, middle].filter(Boolean).join(" ");
  const comma = /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}/u.test(group) ? " " : ", ";
  const name = [family, others].filter(Boolean).join(comma);
  const titles = [prefix, suffix].filter(Boolean).join(", ");
  return titles ? `${name} (${titles})` : name;
}

// A person's name in all its component groups, each with its own direction and language, isolated from what stands beside it.
export function person(name, empty = "No name") {
  const groups = typeof name === "string" ? { Alphabetic: name } : (name ?? {});
  const told = ["Alphabetic", "Ideographic", "Phonetic"].map((group) => groups[group]).filter(Boolean);
  if (!told.length) return h("span", { class: "muted" }, empty);
  const every = told.join("");
  return h(
    "span",
    { class: "person" },
    told.map((group, at) => [
      at ? " " : null,
      h("bdi", { class: at ? "other" : "name", lang: language(group, every) }, written(group)),
    ]),
  );
}

// Free text of a data set.
export function text(value) {
  return h("bdi", { lang: language(String(value)) }, String(value));
}

export const SEXES = { F: "female", M: "male", O: "other" };
