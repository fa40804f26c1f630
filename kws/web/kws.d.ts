/** Wake words in the browser: the detector of kws, bit for bit; nothing is sent anywhere. */

/** Samples per second that detectors take, and that times count. */
export declare const SAMPLE_RATE: 16000;

export interface Detection {
  keyword: string;
  /** 0 to 1. */
  confidence: number;
  /** End of the audio that the decision rests on, in samples from the stream's start. */
  sample: number;
  /** The same in seconds. */
  time: number;
}

export interface Scores {
  /** Greatest posterior of each keyword in the last 80 ms, 0 to 1. */
  scores: Map<string, number>;
  /** dBFS; -Infinity for silence. */
  level: number;
  /** End of these 80 ms, in seconds from the stream's start. */
  time: number;
}

export interface ModelInfo {
  name: string;
  keywords: string[];
  /** Thresholds by sensitivity, one per keyword; "normal" is always there. */
  sensitivities: Record<string, number[]>;
  /** Thresholds at the sensitivities 0 and 1. */
  range: [number[], number[]];
  /** Of the model file that was exported. */
  sha256: string;
  /** Version of kws that exported it. */
  kws: string;
}

/** A sensitivity that the model stores, or 0 (fewest false alarms) to 1 (fewest misses). */
export type Sensitivity = "low" | "normal" | "high" | number;

export interface ModelOptions {
  /** Folder of kws.wasm, worklet.js and the model; default: that of this module. */
  files?: string | URL;
  /** Content of a model file, or its name in the folder; default: model.bin. */
  model?: string | ArrayBuffer;
  /** Default: "normal", 0.5. */
  sensitivity?: Sensitivity;
  /** Of single keywords, above 0 up to 1, in place of those of the sensitivity. */
  thresholds?: Record<string, number>;
}

export interface ListenOptions extends ModelOptions {
  onDetection?(detection: Detection): void;
  /** Called every 80 ms. */
  onScores?(scores: Scores): void;
  /** Called every 80 ms with what the detector took, at 16 kHz; first: index in the stream. */
  onSamples?(samples: Int16Array, first: number): void;
  /** Called where listening ended by itself: the microphone was pulled out, for instance. */
  onError?(error: Error): void;
  /** Audio to listen to; default: the microphone. */
  stream?: MediaStream;
  /** Of the microphone; default: one channel, as it is. */
  constraints?: MediaTrackConstraints;
}

export interface Listener {
  readonly info: ModelInfo;
  /** Change thresholds from now on; nothing is forgotten. */
  setSensitivity(sensitivity?: Sensitivity, thresholds?: Record<string, number>): void;
  /** Stop, and give the microphone back. */
  stop(): Promise<void>;
}

/**
 * Listen to the microphone, or to a stream that is given. Call it when the user clicks: browsers
 * start no audio before.
 */
export declare function listen(options?: ListenOptions): Promise<Listener>;

/** Set up a detector for samples of your own; runs in Node, too. */
export declare function createDetector(options?: ModelOptions): Promise<Detector>;

export interface Files {
  engine: ArrayBuffer;
  model: ArrayBuffer;
  folder: URL;
  info: ModelInfo;
}

/** Read engine and model, without running them. */
export declare function load(options?: Pick<ModelOptions, "files" | "model">): Promise<Files>;

/** One stream of audio, and the keywords in it. */
export declare class Detector {
  /** thresholds: one per keyword; default: those of the model. */
  constructor(engine: WebAssembly.Module, model: ArrayBuffer, thresholds?: number[]);
  readonly info: ModelInfo;
  /** Greatest posterior of each keyword in the latest push (in the last second of it), 0 to 1. */
  readonly scores: number[];
  /** Take samples at 16 kHz, in blocks of any length; return the detections that they complete. */
  push(samples: Int16Array | Float32Array): Detection[];
  /** End a stream: return the detections that silence after it completes. */
  flush(): Detection[];
  /** Forget the stream: what is pushed next is the start of another. */
  reset(): void;
  /** Use thresholds, one per keyword, above 0 up to 1, from the next step on. */
  useThresholds(thresholds: number[]): void;
}
