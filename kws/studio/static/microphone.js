// Open the browser's microphone, or an audio file; give samples as Int16Array, one channel.

import { texts } from "./texts.js";

const RATE = 16000; // Hz; a browser that refuses it gives its own, and the server converts

export async function openMicrophone(onSamples) {
  if (!navigator.mediaDevices) throw new Error(texts.noSecureContext);
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
  } catch (error) {
    throw new Error(texts.noBrowserMicrophone(error.message));
  }
  const release = () => stream.getTracks().forEach((track) => track.stop());
  try {
    const context = await connect(stream, { sampleRate: RATE }, onSamples)
      .catch(() => connect(stream, {}, onSamples));
    return { rate: context.sampleRate, close: () => { release(); context.close(); } };
  } catch (error) {
    release();
    throw new Error(texts.noBrowserMicrophone(error.message));
  }
}

async function connect(stream, options, onSamples) {
  const context = new AudioContext(options);
  try {
    await context.audioWorklet.addModule("/static/pcm_worklet.js");
    const node = new AudioWorkletNode(context, "pcm");
    context.createMediaStreamSource(stream).connect(node);
    node.port.onmessage = ({ data }) => onSamples(new Int16Array(data));
    await context.resume();
    return context;
  } catch (error) {
    context.close();
    throw error;
  }
}

// The samples of an audio file that this browser can read, one channel at RATE.
export async function samplesOf(file) {
  const context = new OfflineAudioContext(1, 1, RATE);
  let audio;
  try {
    audio = await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new Error(texts.listen.notAudio(file.name));
  }
  const channels = Array.from({ length: audio.numberOfChannels }, (_, index) => audio.getChannelData(index));
  const scale = 32768 / channels.length;
  return { rate: RATE, samples: Int16Array.from({ length: audio.length }, (_, sample) => {
    let sum = 0;
    for (const channel of channels) sum += channel[sample];
    return Math.max(-32768, Math.min(32767, Math.round(scale * sum)));
  }) };
}

// The level of samples in dB of full scale, at least -60.
export function levelOf(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.max(-60, 10 * Math.log10(sum / Math.max(1, samples.length) / 32768 ** 2 + 1e-12));
}
