// Detect keywords in raw files, int16 at 16 kHz, with the module of an exported folder:
//   node detect.mjs FOLDER [--scores] FILE...
// Prints a JSON line for each detection, after each push its scores if asked, and at last the time.
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const BLOCK = 1280; // samples, 80 ms, as the AudioWorklet pushes
const [folder, ...rest] = process.argv.slice(2);
const withScores = rest[0] === "--scores", files = withScores ? rest.slice(1) : rest;
const base = new URL("./", `${pathToFileURL(folder)}/`);
const { createDetector } = await import(new URL("kws.js", base));
const detector = await createDetector({ files: base });
const lines = [];
let microseconds = 0, samples = 0, longest = 0;

for (const [file, name] of files.entries()) {
  const bytes = await readFile(name);
  const audio = new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const before = process.cpuUsage();
  detector.reset();
  const keep = (detections) =>
    detections.forEach((detection) => lines.push({ file, ...detection }));
  for (let start = 0; start < audio.length; start += BLOCK) {
    const started = process.cpuUsage();
    keep(detector.push(audio.subarray(start, start + BLOCK)));
    if (file > 0) longest = Math.max(longest, process.cpuUsage(started).user); // compiled by now
    if (withScores) lines.push({ file, scores: detector.scores });
  }
  keep(detector.flush());
  microseconds += process.cpuUsage(before).user;
  samples += audio.length;
}
lines.push({
  audio_seconds: samples / 16000,
  processor_seconds: microseconds / 1e6,
  longest_push_seconds: longest / 1e6,
});
console.log(lines.map((line) => JSON.stringify(line)).join("\n"));
