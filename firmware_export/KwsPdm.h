/* Record from a board's PDM microphone into a ring buffer. The interrupt only copies.
 *
 * For every Arduino core with a library PDM: Nano 33 BLE Sense, Nano RP2040 Connect, Nicla Vision,
 * Portenta with Vision Shield (Mbed), XIAO nRF52840 Sense. The library has one microphone, so a
 * program has one object of this class. */
#ifndef KWSPDM_H
#define KWSPDM_H

#include <Arduino.h>
#include <PDM.h>

#include "KwsAudio.h"
#include "KwsRing.h"
#include "src/ring_buffer.h"

#if defined(ARDUINO_ARCH_MBED)
#include <rtos/EventFlags.h>
#endif

class KwsPdm : public KwsAudio {
 public:
  /* gain: in the steps of the board's library PDM, -1 for KWS_PDM_GAIN. nRF52840: 0 is -20 dB, 40 is
   * 0 dB, 80 is +20 dB. */
  explicit KwsPdm(int its_gain = -1) : gain(its_gain) {}

  bool begin() override {
    if (begun) return true;
    instance() = this;
    kws_ring_buffer_init(&ring, memory, CAPACITY);
    PDM.onReceive(receive);
    start();
    return begun;
  }

  /* Restart a microphone that has stopped. */
  bool read(int16_t *samples, uint32_t count) override {
    restart_if_stopped();
    if (kws_ring_buffer_available(&ring) < count) return false;
    kws_ring_buffer_read(&ring, samples, count);
    return true;
  }

  void wait(uint32_t ms) override {
#if defined(ARDUINO_ARCH_MBED)
    /* The processor sleeps until the interrupt sets the flag. */
    arrival.wait_any_for(ARRIVED, std::chrono::milliseconds(ms));
#else
    const uint32_t received = ring.head + ring.dropped;
    for (; ms > 0 && received == ring.head + ring.dropped; --ms) delay(1);
#endif
  }

  /* Those that came while the ring was full, and those of the time for which the microphone had
   * stopped. */
  uint32_t lost() const override { return ring.dropped + missed; }

  const char *fault() const override {
    return begun ? nullptr : "the microphone does not start; it is tried again";
  }

  /* Return whether the ring holds `count` samples when they are read late. */
  static constexpr bool holds(uint32_t count) {
    return CAPACITY >= LATE_MS * SAMPLE_RATE / 1000 + count + BLOCK;
  }

 private:
  static constexpr uint32_t SAMPLE_RATE = 16000;
  /* samples, a power of two: those that come during the longest push or a late loop() */
  static constexpr uint32_t CAPACITY = KWS_RING_SAMPLES;
  static constexpr uint32_t BLOCK = 256;      /* samples: PDM's default buffer of 512 bytes */
  static constexpr uint32_t LATE_MS = 200;    /* delay of loop() without a loss */
  static constexpr uint32_t STOPPED_MS = 500; /* without a block: the microphone has stopped */
  enum { ARRIVED = 1 };

#if defined(KWS_PDM_GAIN)
  static constexpr int GAIN = KWS_PDM_GAIN;
#elif defined(ARDUINO_ARCH_NRF52840) || defined(ARDUINO_ARCH_NRF52) || defined(NRF52840_XXAA)
  static constexpr int GAIN = 80; /* the highest: its range is that of speech at some metres */
#else
  static constexpr int GAIN = -1; /* what the library takes by itself */
#endif

  /* The interrupt finds its microphone here; an inline function shares it among source files. */
  static KwsPdm *&instance() {
    static KwsPdm *one;
    return one;
  }

  void start() {
    arrived_at = (uint32_t)millis();
    const int steps = gain < 0 ? GAIN : gain;
    if (steps >= 0) PDM.setGain(steps);
    begun = PDM.begin(1, SAMPLE_RATE) == 1;
  }

  /* Handle PDM's interrupt. The driver stops the microphone if a single byte is left unread, so all
   * of them go to the ring, which counts the samples that do not fit. */
  static void receive() {
    static int16_t block[BLOCK]; /* static: the interrupt's stack has 1 KB */
    KwsPdm *self = instance();
    for (int bytes; (bytes = PDM.read(block, sizeof block)) > 0;)
      kws_ring_buffer_write(&self->ring, block, (uint32_t)bytes / sizeof *block);
#if defined(ARDUINO_ARCH_MBED)
    self->arrival.set(ARRIVED);
#endif
  }

  void restart_if_stopped() {
    const uint32_t now = (uint32_t)millis(), received = ring.head + ring.dropped;
    if (received != arrived) {
      arrived = received;
      arrived_at = now;
    } else if (now - arrived_at >= STOPPED_MS) {
      missed += (now - arrived_at) * (SAMPLE_RATE / 1000);
      PDM.end();
      start();
    }
  }

  const int gain;
  kws_ring_buffer ring{};
  int16_t memory[CAPACITY];
#if defined(ARDUINO_ARCH_MBED)
  rtos::EventFlags arrival;
#endif
  bool begun = false;
  uint32_t arrived = 0;    /* samples received since the start, modulo 2^32 */
  uint32_t arrived_at = 0; /* ms, when read() saw the latest of them */
  uint32_t missed = 0;     /* samples, while the microphone had stopped */
};

#endif
