// The Store Instances Response Module (PS3.18 Annex I) as one outcome for each file.

import { first, values } from "./words.js";

const REFERENCED = "00081199";
const FAILED = "00081198";
const OTHERS = "0008119A";
const COMMENT = "00000902";
const UNKNOWN = { state: "refused", reason: "The report of the server does not tell what became of it", study: "" };

function sentence(item, fallback) {
  return first(item, COMMENT) || fallback;
}

function refused(item) {
  const code = Number(first(item, "00081197") || 0).toString(16).toUpperCase();
  return { state: "refused", reason: sentence(item, `Failure reason ${code}`), study: "" };
}

function kept(item) {
  const study = /\/studies\/([0-9.]+)/.exec(first(item, "00081190"))?.[1] ?? "";
  const warned = first(item, "00081196") !== "" || first(item, COMMENT);
  return { state: warned ? "warned" : "stored", reason: warned ? sentence(item, "Stored with a warning") : "", study };
}

// One for each of `uids`, in their order. What the server could not identify it names last, in the order in which it came.
export function outcomes(report, uids) {
  const found = new Map();
  for (const item of values(report, REFERENCED)) found.set(first(item, "00081155"), kept(item));
  for (const item of values(report, FAILED)) found.set(first(item, "00081155"), refused(item));
  const others = values(report, OTHERS).map(refused);
  const unclaimed = [...found.keys()].filter((uid) => !uids.includes(uid));
  return uids.map((uid) => found.get(uid) ?? others.shift() ?? found.get(unclaimed.shift()) ?? UNKNOWN);
}

// What became of all that was in one archive.
export function zipOutcome(report) {
  const stored = values(report, REFERENCED).map(kept);
  const failed = [...values(report, FAILED), ...values(report, OTHERS)].map(refused);
  const reasons = new Map();
  for (const { reason } of failed) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const told = [...reasons].map(([reason, times]) => `${times} × ${reason}`);
  return {
    state: !stored.length ? "refused" : failed.length ? "warned" : "stored",
    reason: [`${stored.length} stored`, ...told].join("; "),
    study: stored[0]?.study ?? "",
  };
}
