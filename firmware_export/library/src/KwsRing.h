/* Say for how many samples a microphone needs room while the models are busy. */
#ifndef KWSRING_H
#define KWSRING_H

#define KWS_RING_SAMPLES @RING@

#endif
