// Detect keywords with the C engine as WebAssembly. Runs in pages, workers, AudioWorklets and Node:
// nothing here needs more than WebAssembly itself.

export const SAMPLE_RATE = 16000;
const FLUSH_SAMPLES = 8000; // of silence after a stream: a keyword is decided shortly after its end
const ONE = 32768; // a confidence of 1 in the engine
const DETECTION_BYTES = 16; // kws_detection: sample, 64 bits; confidence, 16 bits; keyword, 8 bits
const MAGIC = 0x4d53574b; // "KWSM"
const FORMAT = 1;

/** Read the file that `kws export --format web` makes of a model. */
export function readModel(content) {
  const view = new DataView(content);
  if (content.byteLength < 16 || view.getUint32(0, true) !== MAGIC)
    throw new Error("kws: not a model that kws export --format web wrote");
  if (view.getUint32(4, true) !== FORMAT)
    throw new Error("kws: the model was exported by another version of kws; export it again");
  const textLength = view.getUint32(8, true), pointerCount = view.getUint32(12, true);
  const pointersAt = 16 + textLength, imageAt = pointersAt + 4 * pointerCount;
  if (imageAt > content.byteLength) throw new Error("kws: the model file is cut off");
  // ASCII; an AudioWorklet has no TextDecoder.
  const bytes = new Uint8Array(content, 16, textLength);
  let text = "";
  for (let i = 0; i < textLength; ++i) text += String.fromCharCode(bytes[i]);
  return {
    info: JSON.parse(text),
    pointers: new Uint32Array(content, pointersAt, pointerCount),
    image: new Uint8Array(content, imageAt),
  };
}

/** Return the thresholds of a sensitivity: a name, a number from 0 to 1, or nothing. */
export function thresholdsAt(info, sensitivity = "normal") {
  if (typeof sensitivity === "number") {
    if (!(sensitivity >= 0 && sensitivity <= 1))
      throw new RangeError(`kws: sensitivity ${sensitivity} is not 0 to 1`);
    const ends = info.range[sensitivity < 0.5 ? 0 : 1];
    const part = Math.abs(2 * sensitivity - 1);
    return info.sensitivities.normal.map((normal, i) => normal + (ends[i] - normal) * part);
  }
  if (!Object.hasOwn(info.sensitivities, sensitivity))
    throw new RangeError(`kws: the model stores no sensitivity ${JSON.stringify(sensitivity)}`);
  return [...info.sensitivities[sensitivity]];
}

/** One stream of audio, and the keywords in it. */
export class Detector {
  #engine;
  #info;
  #at; // addresses in the engine's memory

  /** Set up a detector from a compiled engine, the content of a model file, and thresholds. */
  constructor(engine, content, thresholds) {
    const { info, pointers, image } = readModel(content);
    const instance = new WebAssembly.Instance(engine);
    this.#engine = instance.exports;
    this.#info = info;
    if (this.#engine.kws_layout() >>> 0 !== info.layout)
      throw new Error("kws: engine and model are of different versions of kws; export both again");
    this.#at = this.#reserve(image.length);
    this.#load(image, pointers);
    this.#engine.kws_open(this.#at.image, this.#at.memory);
    this.useThresholds(thresholds ?? thresholdsAt(info));
    this.reset();
  }

  /** What the model says of itself: name, keywords, sensitivities. */
  get info() {
    return this.#info;
  }

  /** Forget the stream: what is pushed next is the start of another. */
  reset() {
    this.#engine.kws_reset();
  }

  /** Use thresholds, one per keyword, above 0 up to 1, from the next step on. */
  useThresholds(thresholds) {
    const { keywords } = this.#info;
    if (thresholds.length !== keywords.length || !thresholds.every((t) => t > 0 && t <= 1))
      throw new RangeError("kws: thresholds are one per keyword, above 0 up to 1");
    const room = new Uint16Array(this.#engine.memory.buffer, this.#at.thresholds, keywords.length);
    thresholds.forEach((threshold, i) => (room[i] = Math.max(1, Math.ceil(threshold * ONE))));
    this.#engine.kws_use_thresholds(this.#at.thresholds);
  }

  /** Take samples at 16 kHz, Int16Array, or Float32Array of -1 to 1; return the detections. */
  push(samples) {
    const { block } = this.#info, found = [];
    for (let start = 0; start < samples.length; start += block)
      this.#pushBlock(samples.subarray(start, start + block), found);
    return found;
  }

  /** End a stream: return the detections that silence after it completes. */
  flush() {
    return this.push(new Int16Array(FLUSH_SAMPLES));
  }

  /** The greatest posterior of each keyword in the latest push (in the last second of it). */
  get scores() {
    return this.#info.keywords.map((_, i) => this.#engine.kws_score(i) / ONE);
  }

  #pushBlock(samples, found) {
    const { keywords, capacity } = this.#info, { buffer } = this.#engine.memory;
    new Int16Array(buffer, this.#at.samples).set(toInt16(samples));
    const count = this.#engine.kws_push(
      this.#at.samples, samples.length, this.#at.detections, capacity);
    const view = new DataView(buffer, this.#at.detections);
    for (let at = 0; at < count * DETECTION_BYTES; at += DETECTION_BYTES) {
      const sample = Number(view.getBigUint64(at, true));
      found.push({
        keyword: keywords[view.getUint8(at + 10)],
        confidence: view.getUint16(at + 8, true) / ONE,
        sample,
        time: sample / SAMPLE_RATE,
      });
    }
  }

  /** Make room after the engine's own data; return where each part lies. */
  #reserve(imageBytes) {
    const { memory, __heap_base } = this.#engine, info = this.#info;
    let end = __heap_base.value;
    const room = (bytes) => {
      const at = (end + 15) & ~15;
      end = at + bytes;
      return at;
    };
    const at = {
      image: room(imageBytes),
      memory: room(info.memory),
      thresholds: room(2 * info.keywords.length),
      samples: room(2 * info.block),
      detections: room(DETECTION_BYTES * info.capacity),
    };
    const missing = Math.ceil(end / 65536) - memory.buffer.byteLength / 65536;
    if (missing > 0) memory.grow(missing);
    return at;
  }

  /** Copy the image of the model and make its offsets addresses. */
  #load(image, pointers) {
    const { buffer } = this.#engine.memory;
    new Uint8Array(buffer, this.#at.image, image.length).set(image);
    const view = new DataView(buffer, this.#at.image, image.length);
    for (const at of pointers) view.setUint32(at, view.getUint32(at, true) + this.#at.image, true);
  }
}

/** Return samples as Int16Array; floats are -1 to 1, and clipped. */
export function toInt16(samples) {
  if (samples instanceof Int16Array) return samples;
  if (!(samples instanceof Float32Array))
    throw new TypeError("kws: samples are Int16Array or Float32Array");
  const result = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; ++i)
    result[i] = Math.max(-32768, Math.min(32767, Math.round(samples[i] * 32768)));
  return result;
}
