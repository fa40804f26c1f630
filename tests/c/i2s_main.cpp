/* Run KwsI2s of an exported library against a driver with the states of ESP-IDF's: a channel is set
 * up once after it was made, and there is only one. The first start fails at its last step. */
#include <KwsI2s.h>

namespace {

enum State { NONE, REGISTERED, READY, RUNNING } state = NONE;
int starts = 0;
size_t filled = 0; /* bytes */
i2s_event_callbacks_t callbacks;
void *user;

void record(size_t bytes) {
  i2s_event_data_t event = {nullptr, bytes};
  callbacks.on_recv(nullptr, &event, user);
  filled += bytes;
}

}  // namespace

extern "C" {
esp_err_t i2s_new_channel(const i2s_chan_config_t *, i2s_chan_handle_t *, i2s_chan_handle_t *rx) {
  static int channel;
  if (state != NONE) return ESP_ERR_INVALID_STATE;
  *rx = reinterpret_cast<i2s_chan_handle_t>(&channel);
  state = REGISTERED;
  return ESP_OK;
}
esp_err_t i2s_del_channel(i2s_chan_handle_t) {
  if (state == RUNNING) return ESP_ERR_INVALID_STATE;
  state = NONE;
  return ESP_OK;
}
esp_err_t i2s_channel_init_std_mode(i2s_chan_handle_t, const i2s_std_config_t *) {
  if (state != REGISTERED) return ESP_ERR_INVALID_STATE;
  state = READY;
  return ESP_OK;
}
esp_err_t i2s_channel_register_event_callback(i2s_chan_handle_t, const i2s_event_callbacks_t *its,
                                              void *its_user) {
  callbacks = *its;
  user = its_user;
  return ESP_OK;
}
esp_err_t i2s_channel_enable(i2s_chan_handle_t) {
  if (state != READY || starts++ == 0) return ESP_ERR_INVALID_STATE;
  state = RUNNING;
  return ESP_OK;
}
esp_err_t i2s_channel_read(i2s_chan_handle_t, void *, size_t size, size_t *bytes_read, uint32_t) {
  if (state != RUNNING) return ESP_ERR_INVALID_STATE;
  *bytes_read = filled < size ? filled : size;
  filled -= *bytes_read;
  return *bytes_read < size ? ESP_ERR_TIMEOUT : ESP_OK;
}
}

int main() {
  KwsI2s microphone(4, 5, 6);
  int16_t samples[160];
  if (microphone.begin() || state != NONE || microphone.ready(160)) return 2;
  if (!microphone.begin() || microphone.read(samples, 160)) return 3; /* nothing is there yet */
  if (!microphone.begin() || state != RUNNING) return 4;
  for (int buffer = 0; buffer < 5; ++buffer) record(256 * sizeof(int32_t));
  for (int block = 0; block < 8; ++block)
    if (!microphone.ready(160) || !microphone.read(samples, 160)) return 5;
  return microphone.ready(160) || microphone.fault() != nullptr || microphone.lost() != 0;
}
