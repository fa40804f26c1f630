/* Samples between an audio interrupt and the loop that listens: one writer, one reader, no lock.
 *
 * Writing never waits: what does not fit is dropped and counted. */
#ifndef KWS_RING_BUFFER_H
#define KWS_RING_BUFFER_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  int16_t *memory;          /* [capacity], the caller's */
  uint32_t capacity;        /* samples, a power of two */
  volatile uint32_t head;   /* samples ever written; moved by the writer alone */
  volatile uint32_t tail;   /* samples ever read; moved by the reader alone */
  volatile uint32_t dropped; /* samples lost for want of room */
} kws_ring_buffer;

/* capacity must be a power of two; returns -1 where it is not. */
int kws_ring_buffer_init(kws_ring_buffer *ring, int16_t *memory, uint32_t capacity);
/* Forget everything; only while nobody writes. */
void kws_ring_buffer_reset(kws_ring_buffer *ring);
uint32_t kws_ring_buffer_available(const kws_ring_buffer *ring);
/* Returns how many of the samples fitted. */
uint32_t kws_ring_buffer_write(kws_ring_buffer *ring, const int16_t *samples, uint32_t count);
/* Returns how many samples there were, up to count. */
uint32_t kws_ring_buffer_read(kws_ring_buffer *ring, int16_t *samples, uint32_t count);

#endif
