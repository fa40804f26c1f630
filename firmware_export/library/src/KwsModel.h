#ifndef @CLASS_UPPER@_H
#define @CLASS_UPPER@_H

#include "KwsSpotter.h"
#include "engine/@NAME@.h"

/* Spot @KEYWORDS@. */
class @CLASS@ : public KwsSpotter {
 public:
  @CLASS@() : KwsSpotter(@NAME@_data, memory, thresholds) { setSensitivity(KWS_NORMAL); }

 private:
  uint32_t memory[(@MACRO@_MEMORY_BYTES + 3) / 4];
  uint16_t thresholds[@MACRO@_KEYWORDS];
};

#endif
