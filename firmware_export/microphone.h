/* The PDM microphone -> ring buffer. The interrupt copies and no more. */
#ifndef MICROPHONE_H
#define MICROPHONE_H

#include <Arduino.h>
#include <PDM.h>

#include "settings.h"
#include "src/kws.h"
#include "src/kws_model.h"

class Microphone {
 public:
  void begin() {
    kws_ring_buffer_init(&ring, memory, CAPACITY);
    PDM.onReceive(receive);
    start();
  }

  /* The next hop [KWS_MODEL_HOP], or false while it is not complete. Starts a microphone again that
   * has gone silent. */
  bool read(int16_t *hop) {
    watch();
    if (kws_ring_buffer_available(&ring) < KWS_MODEL_HOP) return false;
    kws_ring_buffer_read(&ring, hop, KWS_MODEL_HOP);
    return true;
  }

  /* Samples lost since the start, modulo 2^32: what came while the ring was full, and the time
   * that the microphone was silent. */
  uint32_t lost() const { return ring.dropped + missed; }

 private:
  static constexpr uint32_t SAMPLE_RATE = 16000;
  static constexpr uint32_t CAPACITY = 4096; /* samples, a power of two: 256 ms */
  static constexpr uint32_t BLOCK = 256;     /* samples: PDM's default buffer of 512 bytes */
  static constexpr uint32_t LATE_MS = 200;   /* that loop() may come late without a loss */
  static constexpr uint32_t SILENT_MS = 500; /* without a block: the microphone has stopped */
  static_assert(CAPACITY >= LATE_MS * SAMPLE_RATE / 1000 + KWS_MODEL_HOP + BLOCK,
                "the ring is too small");

  void start() {
    arrived_at = millis();
    PDM.setGain(KWS_MICROPHONE_GAIN);
    PDM.begin(1, SAMPLE_RATE);
  }

  /* PDM's interrupt. It switches the microphone off if a single byte is left unread, so whatever
   * there is goes to the ring, which counts what does not fit. */
  static void receive() {
    static int16_t block[BLOCK]; /* not on the interrupt's stack of 1 KB */
    for (int bytes; (bytes = PDM.read(block, sizeof block)) > 0;)
      kws_ring_buffer_write(&ring, block, (uint32_t)bytes / sizeof *block);
  }

  void watch() {
    const uint32_t now = millis(), all = ring.head + ring.dropped;
    if (all != arrived) {
      arrived = all;
      arrived_at = now;
    } else if (now - arrived_at >= SILENT_MS) {
      missed += (now - arrived_at) * (SAMPLE_RATE / 1000);
      PDM.end();
      start();
    }
  }

  static kws_ring_buffer ring;
  int16_t memory[CAPACITY];
  uint32_t arrived = 0;    /* samples that ever came, modulo 2^32 */
  uint32_t arrived_at = 0; /* ms, when loop() saw the latest of them */
  uint32_t missed = 0;     /* samples, while the microphone was silent */
};

kws_ring_buffer Microphone::ring;

#endif
