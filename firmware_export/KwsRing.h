/* Say for how many samples a microphone needs room while the model is busy. */
#ifndef KWSRING_H
#define KWSRING_H

#include "src/kws_model.h"

#define KWS_RING_SAMPLES KWS_MODEL_RING_SAMPLES

#endif
