/* Run KwsDmic of an exported library against a driver with a queue, as that of Nordic's boards: one
 * whose queue is full stops the microphone. The argument is the length of the queue in blocks.
 * Prints the ms that passed, the samples read, and those counted as lost after a pause of 450 ms and
 * at the end, which follows one of 3 s. */
#include <KwsDmic.h>

#include <cstdio>
#include <cstdlib>

namespace {

constexpr int BUSY = -16, AGAIN = -11;
uint32_t now = 1000, started, queued, room, configured;
bool active = false;
int16_t recorded[160];

void pass(uint32_t ms) {
  for (; ms > 0; --ms) {
    ++now;
    if (!active || (now - started) % 10 != 0) continue;
    if (queued == room) active = false;
    else ++queued;
  }
}

}  // namespace

extern "C" {
bool device_is_ready(const struct device *) { return true; }
uint32_t k_uptime_get_32(void) { return now; }
void k_mem_slab_free(struct k_mem_slab *, void *) {}
uint32_t dmic_build_channel_map(uint8_t, uint8_t, enum pdm_lr) { return 0; }
int dmic_configure(const struct device *, struct dmic_cfg *) {
  ++configured;
  return active ? BUSY : 0;
}
int dmic_trigger(const struct device *, enum dmic_trigger command) {
  active = command == DMIC_TRIGGER_START;
  if (active) started = now;
  return 0;
}
int dmic_read(const struct device *, uint8_t, void **buffer, size_t *size, int32_t timeout) {
  for (; queued == 0 && timeout > 0; --timeout) pass(1);
  if (queued == 0) return AGAIN;
  --queued;
  *buffer = recorded;
  *size = sizeof recorded;
  return 0;
}
}

int main(int, char **arguments) {
  room = (uint32_t)std::atoi(arguments[1]);
  const struct device device = {"pdm0"};
  struct k_mem_slab slab = {};
  KwsDmic microphone(&device, &slab);
  int16_t samples[160];
  uint32_t read = 0, early = 0;
  const uint32_t first = now;
  if (!microphone.begin() || !microphone.begin() || configured != 1) return 2;
  for (int block = 0; block < 800; ++block) {
    if (block == 100) pass(450);
    if (block == 200) early = microphone.lost();
    if (block == 300) pass(3000);
    if (microphone.read(samples, 160)) read += 160;
    if (block == 100 && !microphone.ready(160)) return 3;
  }
  while (microphone.ready(160) && microphone.read(samples, 160)) read += 160;
  if (queued > 0) return 4;
  std::printf("%u %u %u %u\n", now - first, read, early, microphone.lost());
}
