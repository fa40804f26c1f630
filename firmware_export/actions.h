/* The actions that settings.h enables. To add one, write a class like Led and list it below. */
#ifndef ACTIONS_H
#define ACTIONS_H

#include "action.h"
#include "low_power.h"
#include "settings.h"

#if KWS_LED
#include "action_led.h"
#endif
#if KWS_SERIAL_IS_ON && KWS_PLOT
#include "action_plot.h"
#elif KWS_SERIAL_IS_ON
#include "action_serial.h"
#endif
#if KWS_BLE
#include "action_ble.h"
#endif

static Action *const actions[] = {
#if KWS_LED
    &led,
#endif
#if KWS_SERIAL_IS_ON && KWS_PLOT
    &serial_plot,
#elif KWS_SERIAL_IS_ON
    &serial_lines,
#endif
#if KWS_BLE
    &ble,
#endif
};

#endif
