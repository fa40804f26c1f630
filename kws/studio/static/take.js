// Record a take of the browser's microphone: countdown, level, and the end of the word.

import { levelOf } from "./microphone.js";

const COUNTDOWN = 3; // steps of half a second, counted in audio and not by the clock
const ABOVE_NOISE = 12; // dB of speech
const PAUSE = 0.7; // s after the speech that end a take
const LEAST_SPEECH = 0.15; // s

export class TakeRecorder {
  // onLevel is given dB of full scale, onCount the steps that are left, 0 for now.
  constructor(onLevel, onCount) {
    this.onLevel = onLevel;
    this.onCount = onCount;
    this.done = null;
  }

  // What the microphone gives; it may run between takes.
  push(samples, rate) {
    const level = levelOf(samples);
    this.onLevel(level);
    if (!this.done) return;
    const seconds = samples.length / rate;
    if (this.waiting > 0) {
      const left = Math.ceil(this.waiting * 2);
      this.waiting -= seconds;
      this.levels.push(level);
      const now = Math.max(0, Math.ceil(this.waiting * 2));
      if (now !== left) this.onCount(now);
      return;
    }
    this.blocks.push(samples);
    this.seconds += seconds;
    this.follow(level, seconds);
    if (this.seconds >= this.most || (this.endsItself && this.speech >= LEAST_SPEECH && this.pause >= PAUSE)) {
      this.finish();
    }
  }

  // Follow speech and pause by the level above the noise of the countdown.
  follow(level, seconds) {
    const floor = [...this.levels].sort((a, b) => a - b)[Math.floor(this.levels.length / 2)] ?? -60;
    if (level > floor + ABOVE_NOISE) {
      this.speech += seconds;
      this.pause = 0;
    } else {
      this.pause += seconds;
    }
  }

  // Return the samples of a take, null when it is cancelled.
  record(seconds, { countdown, endsItself }) {
    Object.assign(this, { most: seconds, endsItself, waiting: countdown ? COUNTDOWN / 2 : 0,
      blocks: [], levels: [], seconds: 0, speech: 0, pause: 0 });
    this.onCount(countdown ? COUNTDOWN : 0);
    return new Promise((done) => { this.done = done; });
  }

  finish() {
    const samples = new Int16Array(this.blocks.reduce((sum, block) => sum + block.length, 0));
    let filled = 0;
    for (const block of this.blocks) {
      samples.set(block, filled);
      filled += block.length;
    }
    this.end(samples);
  }

  cancel() {
    this.end(null);
  }

  end(value) {
    const done = this.done;
    this.done = null;
    done?.(value);
  }
}
