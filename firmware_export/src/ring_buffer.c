/* Pass samples from an interrupt to the main loop; see ring_buffer.h. */
#include "ring_buffer.h"

#include <string.h>

#if defined(__GNUC__)
#define BARRIER() __sync_synchronize() /* samples are in memory before the index tells of them */
#else
#define BARRIER() ((void)0)
#endif

int kws_ring_buffer_init(kws_ring_buffer *ring, int16_t *memory, uint32_t capacity) {
  if (capacity == 0 || (capacity & (capacity - 1)) != 0) return -1;
  ring->memory = memory;
  ring->capacity = capacity;
  kws_ring_buffer_reset(ring);
  return 0;
}

void kws_ring_buffer_reset(kws_ring_buffer *ring) {
  ring->head = 0;
  ring->tail = 0;
  ring->dropped = 0;
}

uint32_t kws_ring_buffer_available(const kws_ring_buffer *ring) {
  return ring->head - ring->tail;
}

uint32_t kws_ring_buffer_write(kws_ring_buffer *ring, const int16_t *samples, uint32_t count) {
  const uint32_t room = ring->capacity - kws_ring_buffer_available(ring);
  const uint32_t taken = count < room ? count : room;
  const uint32_t at = ring->head & (ring->capacity - 1);
  const uint32_t before_end = ring->capacity - at < taken ? ring->capacity - at : taken;
  if (taken > 0) {
    memcpy(ring->memory + at, samples, before_end * sizeof *samples);
    memcpy(ring->memory, samples + before_end, (taken - before_end) * sizeof *samples);
  }
  BARRIER();
  ring->head += taken;
  ring->dropped += count - taken;
  return taken;
}

uint32_t kws_ring_buffer_read(kws_ring_buffer *ring, int16_t *samples, uint32_t count) {
  const uint32_t there = kws_ring_buffer_available(ring);
  const uint32_t taken = count < there ? count : there;
  const uint32_t at = ring->tail & (ring->capacity - 1);
  const uint32_t before_end = ring->capacity - at < taken ? ring->capacity - at : taken;
  BARRIER();
  if (taken > 0) {
    memcpy(samples, ring->memory + at, before_end * sizeof *samples);
    memcpy(samples + before_end, ring->memory, (taken - before_end) * sizeof *samples);
  }
  BARRIER();
  ring->tail += taken;
  return taken;
}
