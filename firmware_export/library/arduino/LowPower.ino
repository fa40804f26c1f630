/* Blink at keywords, asleep between the interrupts of the microphone; power LED, sensors and USB off.
 *
 * Board: @BOARD@.
 * For the next upload press the button twice, quickly: there is no serial port. */
@INCLUDES@
#include <KwsLowPower.h>
#include <KwsPdm.h>

KwsPdm microphone;
@SPOTTERS@
unsigned long lit_at;

void detected(const KwsDetection &) {
  digitalWrite(LED_BUILTIN, HIGH);
  lit_at = millis();
}

void setup() {
  KwsLowPower::begin();
  pinMode(LED_BUILTIN, OUTPUT);
@BEGINS@
}

void loop() {
  @FIRST@.poll(500);
  if (millis() - lit_at >= 1000) digitalWrite(LED_BUILTIN, LOW);
}
