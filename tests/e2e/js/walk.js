// Every method of the JavaScript dicomweb-client that this server has an answer for. Arguments: base URL, Part 10 files of one study.
// Prints nothing and exits with 0 if all is well.
const assert = require('node:assert/strict');
const fs = require('node:fs');

global.XMLHttpRequest = require('xhr2');
const { api } = require('dicomweb-client');

const [base, ...paths] = process.argv.slice(2);
const client = new api.DICOMwebClient({ url: base });
const bytes = (buffer) => Buffer.from(buffer instanceof ArrayBuffer ? buffer : buffer.buffer ?? buffer);
const value = (item, tag) => item[tag].Value[0];

async function walk() {
  const files = paths.map((path) => fs.readFileSync(path));
  const whole = files.map((file) => file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength));
  await client.storeInstances({ datasets: whole });

  const studies = await client.searchForStudies({ queryParams: { PatientID: 'JS-1' } });
  assert.equal(studies.length, 1);
  const studyInstanceUID = value(studies[0], '0020000D');
  const series = await client.searchForSeries({ studyInstanceUID });
  assert.equal(series.length, 1);
  const seriesInstanceUID = value(series[0], '0020000E');
  const instances = await client.searchForInstances({ studyInstanceUID, seriesInstanceUID });
  assert.equal(instances.length, files.length);
  const sopInstanceUID = value(instances[0], '00080018');
  const one = { studyInstanceUID, seriesInstanceUID, sopInstanceUID };

  assert.equal((await client.retrieveStudyMetadata({ studyInstanceUID })).length, files.length);
  assert.equal((await client.retrieveSeriesMetadata({ studyInstanceUID, seriesInstanceUID })).length, files.length);
  const metadata = await client.retrieveInstanceMetadata(one);
  const described = Array.isArray(metadata) ? metadata[0] : metadata;
  assert.equal(value(described, '00080018'), sopInstanceUID);

  const stored = await client.retrieveInstance(one);
  assert.ok(files.some((file) => file.equals(bytes(stored))), 'an instance comes back byte for byte');
  assert.equal((await client.retrieveSeries({ studyInstanceUID, seriesInstanceUID })).length, files.length);
  assert.equal((await client.retrieveStudy({ studyInstanceUID })).length, files.length);

  const mediaTypes = [{ mediaType: 'application/octet-stream', transferSyntaxUID: '*' }];
  const frames = await client.retrieveInstanceFrames({ ...one, frameNumbers: [2, 1], mediaTypes });
  assert.equal(frames.length, 2);
  const pixels = await client.retrieveBulkData({ BulkDataURI: described['7FE00010'].BulkDataURI });
  const [data] = Array.isArray(pixels) ? pixels : [pixels];
  const length = bytes(frames[0]).length;
  assert.ok(bytes(data).subarray(length, 2 * length).equals(bytes(frames[0])), 'frame 2 is the second half of the pixel data');
}

walk().catch((error) => {
  console.error(error.response?.toString?.() ?? '', error);
  process.exit(1);
});
