/* Record from the PDM microphone into the ring buffer. The interrupt only copies. */
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

  /* Read the next hop [KWS_MODEL_HOP]; return false while it is incomplete. Restart a microphone
   * that has stopped. */
  bool read(int16_t *hop) {
    restart_if_stopped();
    if (kws_ring_buffer_available(&ring) < KWS_MODEL_HOP) return false;
    kws_ring_buffer_read(&ring, hop, KWS_MODEL_HOP);
    return true;
  }

  /* Return the samples lost since the start, modulo 2^32: those that came while the ring was full,
   * and those of the time for which the microphone had stopped. */
  uint32_t lost() const { return ring.dropped + missed; }

  /* Return what does not work, or null. */
  const char *fault() const {
    return begun ? nullptr : "the microphone does not start; it is tried again";
  }

 private:
  static constexpr uint32_t SAMPLE_RATE = 16000;
  /* samples, a power of two: those that come during the longest push or a late loop() */
  static constexpr uint32_t CAPACITY = KWS_MODEL_RING_SAMPLES;
  static constexpr uint32_t BLOCK = 256;      /* samples: PDM's default buffer of 512 bytes */
  static constexpr uint32_t LATE_MS = 200;    /* delay of loop() without a loss */
  static constexpr uint32_t STOPPED_MS = 500; /* without a block: the microphone has stopped */
  static_assert(CAPACITY >= LATE_MS * SAMPLE_RATE / 1000 + KWS_MODEL_HOP + BLOCK,
                "the ring is too small");

  void start() {
    arrived_at = millis();
    PDM.setGain(KWS_MICROPHONE_GAIN);
    begun = PDM.begin(1, SAMPLE_RATE) == 1;
  }

  /* Handle PDM's interrupt. The driver stops the microphone if a single byte is left unread, so all
   * of them go to the ring, which counts the samples that do not fit. */
  static void receive() {
    static int16_t block[BLOCK]; /* static: the interrupt's stack has 1 KB */
    for (int bytes; (bytes = PDM.read(block, sizeof block)) > 0;)
      kws_ring_buffer_write(&ring, block, (uint32_t)bytes / sizeof *block);
  }

  void restart_if_stopped() {
    const uint32_t now = millis(), received = ring.head + ring.dropped;
    if (received != arrived) {
      arrived = received;
      arrived_at = now;
    } else if (now - arrived_at >= STOPPED_MS) {
      missed += (now - arrived_at) * (SAMPLE_RATE / 1000);
      PDM.end();
      start();
    }
  }

  static kws_ring_buffer ring;
  int16_t memory[CAPACITY];
  bool begun = false;
  uint32_t arrived = 0;    /* samples received since the start, modulo 2^32 */
  uint32_t arrived_at = 0; /* ms, when loop() saw the latest of them */
  uint32_t missed = 0;     /* samples, while the microphone had stopped */
};

kws_ring_buffer Microphone::ring;

#endif
