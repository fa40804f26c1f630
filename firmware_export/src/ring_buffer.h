/* Pass samples from an audio interrupt to the main loop: one writer, one reader, no lock.
 *
 * Writing never waits: samples without room are dropped and counted. */
#ifndef KWS_RING_BUFFER_H
#define KWS_RING_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Hold the state of a ring buffer. */
typedef struct {
  int16_t *memory;           /* [capacity], the caller's */
  uint32_t capacity;         /* samples, a power of two */
  volatile uint32_t head;    /* samples ever written; moved by the writer alone */
  volatile uint32_t tail;    /* samples ever read; moved by the reader alone */
  volatile uint32_t dropped; /* samples that found no room */
} kws_ring_buffer;

/* Set up a ring buffer; return -1 if capacity is not a power of two, else 0. */
int kws_ring_buffer_init(kws_ring_buffer *ring, int16_t *memory, uint32_t capacity);
/* Forget everything; only while nobody writes. */
void kws_ring_buffer_reset(kws_ring_buffer *ring);
/* Return how many samples can be read. */
uint32_t kws_ring_buffer_available(const kws_ring_buffer *ring);
/* Write samples and return how many found room. */
uint32_t kws_ring_buffer_write(kws_ring_buffer *ring, const int16_t *samples, uint32_t count);
/* Read samples, `count` at most, and return how many. */
uint32_t kws_ring_buffer_read(kws_ring_buffer *ring, int16_t *samples, uint32_t count);

#ifdef __cplusplus
}
#endif

#endif
