// What of an instance can be looked at, and how the service renders it.

import { first, TAG } from "./words.js";

const STORAGE = "1.2.840.10008.5.1.4.1.1.";
const VIDEO = /^1\.2\.840\.10008\.1\.2\.4\.10[0-8](\.1)?$/;
const REPORTS = /^(88\.|104\.2$)/; // as pages; CDA as a document
const DOCUMENTS = { "104.1": "PDF document", "104.2": "CDA document", "104.3": "STL model", "104.4": "OBJ model", "104.5": "MTL material" };
const CHARTS = /^9\.(?!100)/; // electrocardiograms and other waveforms
const DRAWN = /^(66\.4|11\.|481\.2$|30$)/; // segmentations, presentation states, dose, parametric maps
const NOTHING = /^(481\.[358]|66$|66\.[135]|67)/;

// "video", "page", "document", "image" or "nothing".
export function kind(instance) {
  const sopClass = first(instance, TAG.sopClass);
  const storage = sopClass.startsWith(STORAGE) ? sopClass.slice(STORAGE.length) : "";
  if (VIDEO.test(first(instance, TAG.syntax))) return "video";
  if (storage in DOCUMENTS) return "document";
  if (REPORTS.test(storage)) return "page";
  if (NOTHING.test(storage)) return "nothing";
  if (first(instance, TAG.rows) || CHARTS.test(storage) || DRAWN.test(storage)) return "image";
  return "nothing";
}

export function documentName(instance) {
  return DOCUMENTS[first(instance, TAG.sopClass).slice(STORAGE.length)] ?? "document";
}

export function frames(instance) {
  return kind(instance) === "image" ? Math.max(1, Number(first(instance, TAG.frames)) || 1) : 1;
}
