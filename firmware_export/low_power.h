/* Say what KWS_LOW_POWER leaves on. */
#ifndef LOW_POWER_H
#define LOW_POWER_H

#include "KwsLowPower.h"
#include "settings.h"

/* A settings.h of an earlier export has none of these. */
#ifndef KWS_LOW_POWER
#define KWS_LOW_POWER 0
#endif
#ifndef KWS_BLE_PIN
#define KWS_BLE_PIN 2
#endif
#ifndef KWS_PLOT
#define KWS_PLOT 0
#endif

#define KWS_SERIAL_IS_ON (KWS_SERIAL && !KWS_LOW_POWER) /* USB is off then */

#endif
