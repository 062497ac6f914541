// Files that are to be stored: which instance one is, and the body of the request that carries several.

const HEAD = 2048;
const SIGNATURE = 0x4449434d; // DICM

// A zip archive is sent as one; the service reads what is in it.
export function alone(file) {
  return /\.zip$/i.test(file.name) || file.type === "application/zip";
}

// Media Storage SOP Instance UID (0002,0003) of the File Meta Information (PS3.10 7.1); null if that cannot be read.
export async function instanceUid(file) {
  if (alone(file)) return null;
  let view;
  try {
    view = new DataView(await file.slice(0, HEAD).arrayBuffer());
  } catch {
    return null; // gone meanwhile, or a folder: sending it will tell
  }
  if (view.byteLength < 140 || view.getUint32(128) !== SIGNATURE) return null;
  for (let at = 132; at + 12 <= view.byteLength && view.getUint16(at, true) === 2; ) {
    const vr = String.fromCharCode(view.getUint8(at + 4), view.getUint8(at + 5));
    const long = ["OB", "OW", "UN", "UT"].includes(vr);
    const length = long ? view.getUint32(at + 8, true) : view.getUint16(at + 6, true);
    const start = at + (long ? 12 : 8);
    if (view.getUint16(at + 2, true) === 3 && start + length <= view.byteLength) {
      const text = String.fromCharCode(...new Uint8Array(view.buffer, start, length)).replace(/[\0 ]+$/, "");
      return /^[0-9.]{1,64}$/.test(text) ? text : null;
    }
    at = start + length;
  }
  return null;
}

// The browser reads the files while it sends them: the body is only a list of where its bytes are.
export function bodyOf(files) {
  if (files.length === 1) return { body: files[0], type: alone(files[0]) ? "application/zip" : "application/dicom" };
  const boundary = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const head = `--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`;
  const body = new Blob([...files.flatMap((file) => [head, file, "\r\n"]), `--${boundary}--\r\n`]);
  return { body, type: `multipart/related; type="application/dicom"; boundary=${boundary}` };
}

const NOT_MEANT = /(^|\/)(\.DS_Store|Thumbs\.db|desktop\.ini|\._[^/]*)$/i;

function keep(found, file, path) {
  if (!NOT_MEANT.test(path)) found.push({ file, path });
}

// What an <input type="file"> holds.
export function chosen(list) {
  const found = [];
  for (const file of list) keep(found, file, file.webkitRelativePath || file.name);
  return found;
}

// What was dropped, with everything in folders; `each` is told how many files were found so far.
export async function dropped(transfer, each) {
  const found = [];
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return chosen(transfer.files);
  const folders = [];
  const take = async (entry) => {
    if (entry.isDirectory) folders.push(entry);
    else keep(found, await new Promise((resolve, reject) => entry.file(resolve, reject)), entry.fullPath.replace(/^\//, ""));
  };
  await Promise.all(entries.map(take));
  while (folders.length) {
    const reader = folders.pop().createReader();
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) break;
      await Promise.all(some.map(take));
      each(found.length);
    }
  }
  return found;
}
