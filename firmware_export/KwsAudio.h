/* Provide audio: the base class of microphones. Samples are int16, mono, at 16 kHz. */
#ifndef KWSAUDIO_H
#define KWSAUDIO_H

#include <stdint.h>

class KwsAudio {
 public:
  /* Start; return whether it runs. What does not run is tried again by read(). */
  virtual bool begin() = 0;
  /* Read the next samples [count]; return false while there are fewer. */
  virtual bool read(int16_t *samples, uint32_t count) = 0;
  /* Return whether read() gives so many samples, or false, without waiting for the microphone. */
  virtual bool ready(uint32_t) const { return true; }
  /* Sleep until more samples may be there, at most so long. */
  virtual void wait(uint32_t ms) = 0;
  /* Return the samples lost since the start, modulo 2^32. */
  virtual uint32_t lost() const { return 0; }
  /* Return what does not work, or null. */
  virtual const char *fault() const { return nullptr; }

 protected:
  ~KwsAudio() = default;
};

#endif
