/* Record from a digital microphone by Zephyr's DMIC interface (3.6 or later). */
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
    begun = device_is_ready(device) && dmic_configure(device, &config) == 0 &&
            dmic_trigger(device, DMIC_TRIGGER_START) == 0;
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

  /* read() waits by itself. */
  void wait(uint32_t) override {}

  const char *fault() const override {
    return begun ? nullptr : "the microphone gives no samples; it is tried again";
  }

 private:
  enum { TIMEOUT_MS = 500 };

  bool fetch() {
    void *buffer;
    size_t size;
    if (dmic_read(device, 0, &buffer, &size, TIMEOUT_MS) != 0) {
      dmic_trigger(device, DMIC_TRIGGER_STOP);
      begun = false;
      return false;
    }
    memcpy(block, buffer, size < sizeof block ? size : sizeof block);
    k_mem_slab_free(slab, buffer);
    left = BLOCK / sizeof *block;
    return true;
  }

  const struct device *device;
  struct k_mem_slab *slab;
  int16_t block[BLOCK / sizeof(int16_t)];
  uint32_t left = 0; /* samples of the block that were not read */
  bool begun = false;
};

#endif
