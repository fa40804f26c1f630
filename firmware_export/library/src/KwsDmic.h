/* Record from a digital microphone by Zephyr's DMIC interface (3.6 or later). The driver's queue is
 * the ring buffer: it has to hold BLOCKS blocks, which is `queue-size` in the devicetree of Nordic's
 * boards. A driver whose queue is full stops the microphone. */
#ifndef KWSDMIC_H
#define KWSDMIC_H

#include <zephyr/audio/dmic.h>
#include <zephyr/device.h>
#include <zephyr/kernel.h>

#include <string.h>

#include "KwsAudio.h"
#include "KwsRing.h"

class KwsDmic : public KwsAudio {
 public:
  enum { SAMPLE_RATE = 16000, BLOCK = 160 * sizeof(int16_t), BLOCKS = KWS_RING_SAMPLES / 160 };

  /* slab: BLOCKS blocks of BLOCK bytes; the driver records into them. */
  KwsDmic(const struct device *its_device, struct k_mem_slab *its_slab)
      : device(its_device), slab(its_slab) {}

  bool begin() override {
    if (begun) return true;
    const uint32_t now = k_uptime_get_32();
    if (!tried) recorded_at = now;
    tried = true;
    begun = start();
    if (begun) {
      missed += (now - recorded_at) * (SAMPLE_RATE / 1000);
      recorded_at = now;
    }
    return begun;
  }

  /* Wait for the samples, 160 of them or a part: a block is 10 ms. */
  bool read(int16_t *samples, uint32_t count) override {
    if (!begun && !begin()) return false;
    while (count > 0) {
      if (left == 0 && !fetch()) return false;
      const uint32_t taken = count < left ? count : left;
      memcpy(samples, block + (BLOCK / sizeof *block - left), taken * sizeof *samples);
      samples += taken;
      count -= taken;
      left -= taken;
    }
    return true;
  }

  /* Return whether a block ended since the one that was read. */
  bool ready(uint32_t count) const override {
    return left >= count || (begun && k_uptime_get_32() - recorded_at > BLOCK_MS);
  }

  /* read() waits by itself. */
  void wait(uint32_t) override {}

  /* Those of the time for which the microphone had stopped; counted when it runs again. */
  uint32_t lost() const override { return missed; }

  const char *fault() const override {
    return begun ? nullptr : "the microphone gives no samples; it is tried again";
  }

 private:
  enum { TIMEOUT_MS = 500, BLOCK_MS = 10 };

  bool start() {
    struct pcm_stream_cfg stream = {};
    stream.pcm_rate = SAMPLE_RATE;
    stream.pcm_width = 16;
    stream.block_size = BLOCK;
    stream.mem_slab = slab;
    struct dmic_cfg config = {};
    config.io.min_pdm_clk_freq = 1000000;
    config.io.max_pdm_clk_freq = 3500000;
    config.io.min_pdm_clk_dc = 40;
    config.io.max_pdm_clk_dc = 60;
    config.streams = &stream;
    config.channel.req_num_streams = 1;
    config.channel.req_num_chan = 1;
    config.channel.req_chan_map_lo = dmic_build_channel_map(0, 0, PDM_CHAN_LEFT);
    return device_is_ready(device) && dmic_configure(device, &config) == 0 &&
           dmic_trigger(device, DMIC_TRIGGER_START) == 0;
  }

  bool fetch() {
    void *buffer;
    size_t size;
    const uint32_t asked_at = k_uptime_get_32();
    if (dmic_read(device, 0, &buffer, &size, TIMEOUT_MS) != 0) {
      dmic_trigger(device, DMIC_TRIGGER_STOP);
      begun = false;
      return false;
    }
    /* One that was waited for ends now, one of the queue where the one before it did. */
    const uint32_t now = k_uptime_get_32();
    recorded_at = now != asked_at ? now : recorded_at + BLOCK_MS;
    memcpy(block, buffer, size < sizeof block ? size : sizeof block);
    k_mem_slab_free(slab, buffer);
    left = BLOCK / sizeof *block;
    return true;
  }

  const struct device *device;
  struct k_mem_slab *slab;
  int16_t block[BLOCK / sizeof(int16_t)];
  uint32_t left = 0; /* samples of the block that were not read */
  bool tried = false, begun = false;
  uint32_t recorded_at = 0; /* ms, when the latest block ended */
  uint32_t missed = 0;      /* samples, while the microphone had stopped */
};

#endif
