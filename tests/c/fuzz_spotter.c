/* Fuzz ring buffer and detector: any samples, in any pushes, with resets. */
#include <string.h>

#include "kws.h"
#include "kws_model.h"

enum { CAPACITY = 1024, ROOM = 2 };

static uint32_t memory[KWS_MODEL_MEMORY_BYTES / 4];
static int16_t ring_samples[CAPACITY], block[CAPACITY];

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  kws_spotter spotter;
  kws_ring_buffer ring;
  kws_detection detections[ROOM];
  kws_spotter_init(&spotter, &kws_model_data, memory);
  kws_ring_buffer_init(&ring, ring_samples, CAPACITY);
  while (count >= 4) {
    /* The next operation: how much to write and to read, and whether to reset. */
    const size_t asked = (size_t)(bytes[0] | bytes[1] << 8) % (CAPACITY + 1);
    const size_t wanted = (size_t)(bytes[2] | bytes[3] << 8) % (CAPACITY + 1);
    const size_t given = asked < (count - 4) / 2 ? asked : (count - 4) / 2;
    if (bytes[0] == 0xff) kws_spotter_reset(&spotter);
    memcpy(block, bytes + 4, 2 * given);
    kws_ring_buffer_write(&ring, block, (uint32_t)given);
    const size_t got = kws_ring_buffer_read(&ring, block, (uint32_t)wanted);
    const int found = kws_spotter_push(&spotter, block, got, detections, ROOM);
    if (found > ROOM) __builtin_trap();
    for (int i = 0; i < found; ++i)
      if (detections[i].keyword >= kws_model_data.posterior.keywords) __builtin_trap();
    bytes += 4 + 2 * given;
    count -= 4 + 2 * given;
  }
  return 0;
}
