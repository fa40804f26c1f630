/* Record from an I2S microphone, such as an INMP441 or ICS-43434, on an ESP32: with Arduino-ESP32 3
 * or ESP-IDF 5. The driver's buffers are the ring buffer. */
#ifndef KWSI2S_H
#define KWSI2S_H

#include <driver/i2s_std.h>

#include "KwsAudio.h"
#include "KwsRing.h"

class KwsI2s : public KwsAudio {
 public:
  /* bclk, ws, din: pins of the bit clock (SCK), the word select (WS, LRCL) and the data (SD, DOUT).
   * right: the microphone's L/R pin is high. gain: doublings of the amplitude. */
  KwsI2s(int its_bclk, int its_ws, int its_din, bool its_right = false, int its_gain = 2)
      : bclk(its_bclk), ws(its_ws), din(its_din), right(its_right), gain(its_gain) {}

  bool begin() override {
    if (begun) return true;
    if (!open()) return false;
    begun = start();
    if (!begun) close();
    return begun;
  }

  /* Wait for the samples: one DMA buffer, 16 ms, at most. */
  bool read(int16_t *samples, uint32_t count) override {
    if (!begun && !begin()) return false;
    while (count > 0) {
      int32_t slots[CHUNK];
      const uint32_t wanted = count < CHUNK ? count : (uint32_t)CHUNK;
      size_t bytes = 0;
      const esp_err_t error =
          i2s_channel_read(channel, slots, wanted * sizeof *slots, &bytes, TIMEOUT_MS);
      taken += (uint32_t)bytes;
      silent = error != ESP_OK || bytes < wanted * sizeof *slots;
      if (silent) return false;
      for (uint32_t i = 0; i < wanted; ++i) *samples++ = amplified(slots[i]);
      count -= wanted;
    }
    return true;
  }

  bool ready(uint32_t count) const override {
    return received - overflowed - taken >= count * sizeof(int32_t);
  }

  /* read() waits by itself. */
  void wait(uint32_t) override {}

  uint32_t lost() const override { return overflowed / sizeof(int32_t); }

  const char *fault() const override {
    return begun && !silent ? nullptr : "the microphone gives no samples; it is tried again";
  }

 private:
  enum { SAMPLE_RATE = 16000, CHUNK = 64, TIMEOUT_MS = 100, DMA_FRAMES = 256 };

  bool open() {
    i2s_chan_config_t channel_config = I2S_CHANNEL_DEFAULT_CONFIG(I2S_NUM_AUTO, I2S_ROLE_MASTER);
    channel_config.dma_frame_num = DMA_FRAMES;
    channel_config.dma_desc_num = KWS_RING_SAMPLES / DMA_FRAMES;
    return i2s_new_channel(&channel_config, nullptr, &channel) == ESP_OK;
  }

  /* The driver sets up a channel once: what failed to start is tried again with another. */
  void close() {
    i2s_del_channel(channel);
    channel = nullptr;
  }

  bool start() {
    i2s_std_config_t config = {};
    config.clk_cfg = I2S_STD_CLK_DEFAULT_CONFIG(SAMPLE_RATE);
    config.slot_cfg =
        I2S_STD_PHILIPS_SLOT_DEFAULT_CONFIG(I2S_DATA_BIT_WIDTH_32BIT, I2S_SLOT_MODE_MONO);
    config.slot_cfg.slot_mask = right ? I2S_STD_SLOT_RIGHT : I2S_STD_SLOT_LEFT;
    config.gpio_cfg.mclk = I2S_GPIO_UNUSED;
    config.gpio_cfg.bclk = (gpio_num_t)bclk;
    config.gpio_cfg.ws = (gpio_num_t)ws;
    config.gpio_cfg.dout = I2S_GPIO_UNUSED;
    config.gpio_cfg.din = (gpio_num_t)din;
    i2s_event_callbacks_t callbacks = {};
    callbacks.on_recv = arrive;
    callbacks.on_recv_q_ovf = overflow;
    return i2s_channel_init_std_mode(channel, &config) == ESP_OK &&
           i2s_channel_register_event_callback(channel, &callbacks, this) == ESP_OK &&
           i2s_channel_enable(channel) == ESP_OK;
  }

  static bool arrive(i2s_chan_handle_t, i2s_event_data_t *event, void *self) {
    volatile uint32_t &received = static_cast<KwsI2s *>(self)->received;
    received = received + (uint32_t)event->size;
    return false;
  }

  /* Count what the driver drops as nobody reads it. */
  static bool overflow(i2s_chan_handle_t, i2s_event_data_t *event, void *self) {
    static_cast<KwsI2s *>(self)->overflowed += (uint32_t)event->size;
    return false;
  }

  int16_t amplified(int32_t slot) const {
    const int32_t sample = slot >> (16 - gain);
    return (int16_t)(sample < -32768 ? -32768 : sample > 32767 ? 32767 : sample);
  }

  const int bclk, ws, din;
  const bool right;
  const int gain;
  i2s_chan_handle_t channel = nullptr;
  bool begun = false, silent = false;
  volatile uint32_t received = 0, overflowed = 0; /* bytes, by the interrupt */
  uint32_t taken = 0;                             /* bytes, of what it received */
};

#endif
