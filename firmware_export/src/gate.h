/* The energy gate: what is silent is cut out of the stream; kws/gate.py states the definition. */
#ifndef KWS_GATE_H
#define KWS_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint8_t on;
  uint8_t step;                /* hops per network step: whole steps are cut out */
  uint16_t hop;                /* samples */
  uint16_t pre_roll;           /* hops kept while the gate is closed */
  uint16_t hangover;           /* hops that it stays open from a loud one on */
  uint16_t initial_hangover;   /* hops that it is open for at the start of a stream */
  uint16_t noise_floor_window; /* hops */
  uint32_t ratio;              /* of the opening energy to the noise floor, 256 being 1 */
  uint32_t min_energy;
} kws_gate_settings;

/* Bytes of memory, 2-byte aligned. */
#define KWS_GATE_BYTES(hop, pre_roll) (2 * (hop) * (pre_roll))

/* Samples that are to be heard. */
typedef struct {
  const int16_t *samples;
  size_t count;
  uint64_t cut; /* steps of the network that were cut out before them */
} kws_passage;

typedef struct {
  const kws_gate_settings *settings;
  int16_t *ring;        /* [pre_roll][hop] */
  const int16_t *given; /* what is passed as it comes while the gate is off */
  size_t given_count;
  uint16_t oldest;      /* slot of the oldest hop kept */
  uint16_t kept;        /* whole hops that were not heard yet */
  uint16_t count;       /* samples of the hop that follows them */
  uint16_t place;       /* hops into the span */
  uint16_t hold;        /* hops until it closes */
  uint64_t background;  /* least energy of the span before this one */
  uint64_t quietest;    /* least energy of this span */
  uint64_t cut;         /* steps since the last passage */
  bool open;            /* whether the latest hop was heard */
  bool on;              /* may be cleared before a reset: then all passes as it comes */
} kws_gate;

void kws_gate_init(kws_gate *gate, const kws_gate_settings *settings, int16_t *memory);
/* Forget the stream; `on` stays. */
void kws_gate_reset(kws_gate *gate);
/* Take samples up to the end of a hop; returns how many. Then take every passage. */
size_t kws_gate_push(kws_gate *gate, const int16_t *samples, size_t count);
/* The next passage, which lies where it is until the next push; false when there is none. */
bool kws_gate_next(kws_gate *gate, kws_passage *passage);

#endif
