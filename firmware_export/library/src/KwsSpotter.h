/* Spot keywords in the audio of a microphone, and call back on each detection.
 *
 * The class of a model, such as KwsHome, brings its memory; nothing is allocated. */
#ifndef KWSSPOTTER_H
#define KWSSPOTTER_H

#include <stddef.h>
#include <stdint.h>

#include "KwsAudio.h"
#include "engine/kws.h"

/* Describe a detected keyword. */
struct KwsDetection {
  const char *keyword; /* UTF-8 */
  int index;           /* of the keyword among those of the model */
  float confidence;    /* 0 to 1 */
  float seconds;       /* of audio from the start to the end of the keyword */
  uint64_t sample;     /* the same in samples at 16 kHz */
};

class KwsSpotter {
 public:
  typedef void (*Handler)(const KwsDetection &detection);

  /* Have a function called on each detection, from within poll() or push(). */
  void onDetection(Handler function) { handler = function; }

  /* Start, reading a microphone; return whether it runs. A microphone that does not run yet is
   * tried again by poll(). */
  bool begin(KwsAudio &source);
  /* Start, taking the audio that another spotter reads: several models share a microphone. Only the
   * other one is polled. */
  void begin(KwsSpotter &other);
  /* Start without a microphone, for push(). */
  void begin();

  /* Take the audio that is there, or that comes within so many ms, in which the processor may sleep;
   * return whether there was any. Call it at least every 200 ms (100 ms with a committee). A call
   * ends after as much as the microphone's ring holds, also where a processor is too slow for it. */
  bool poll(uint32_t wait_ms = 0);
  /* Take samples from elsewhere, as many as there are: int16, mono, 16 kHz. */
  void push(const int16_t *samples, size_t count);

  /* Use the thresholds of KWS_LOW (fewer false alarms), KWS_NORMAL or KWS_HIGH (fewer misses);
   * return false, and change nothing, where the model has none. */
  bool setSensitivity(int sensitivity);
  /* Set the threshold of a keyword, above 0 up to 1; return false for another or unknown one. */
  bool setThreshold(const char *keyword, double threshold);

  int keywords() const { return model.posterior.keywords; }
  const char *keyword(int index) const { return model.keywords[index]; }
  /* Return the confidence of a keyword in the latest audio, 0 while the gate is closed. */
  float confidence(int index) const { return kws_spotter_score(&spotter, index) / 32768.0f; }
  /* Return whether the gate lets the latest audio pass to the network. */
  bool gateOpen() const { return spotter.gate.open; }

 protected:
  KwsSpotter(const kws_model &its_model, uint32_t *its_memory, uint16_t *its_thresholds)
      : model(its_model), memory(its_memory), thresholds(its_thresholds) {}

 private:
  enum { BLOCK = 160, MAX_DETECTIONS = 4 };

  /* Push up to BLOCK samples to this spotter and those that share its microphone. */
  void pushBlock(const int16_t *samples, size_t count);

  const kws_model &model;
  uint32_t *const memory;
  uint16_t *const thresholds; /* [keywords], 32768 being 1.0 */
  kws_spotter spotter{};
  KwsAudio *microphone = nullptr;
  KwsSpotter *next = nullptr; /* takes the same audio */
  Handler handler = nullptr;
};

#endif
