/* Mock of the PDM library of the nRF52840. */
#ifndef PDM_H
#define PDM_H

#include <stddef.h>

class PDMClass {
 public:
  int begin(int channels, int sample_rate);
  void end();
  int available();
  int read(void *buffer, size_t size);
  void onReceive(void (*function)());
  void setGain(int gain);
  void setBufferSize(int bytes);
};

extern PDMClass PDM;

#endif
