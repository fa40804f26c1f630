/* Print the keywords that the microphone of the board hears. */
#include <zephyr/kernel.h>
#include <zephyr/sys/printk.h>

@INCLUDES@
#include <KwsDmic.h>

K_MEM_SLAB_DEFINE_STATIC(slab, KwsDmic::BLOCK, KwsDmic::BLOCKS, 4);
static KwsDmic microphone(DEVICE_DT_GET(DT_NODELABEL(dmic_dev)), &slab);
@STATIC_SPOTTERS@

static void detected(const KwsDetection &found) {
  printk("%s %d %%\n", found.keyword, (int)(100 * found.confidence + 0.5f));
}

int main(void) {
@BEGINS@
  uint32_t lost = 0;
  for (;;) {
    @FIRST@.poll(); /* waits for the microphone */
    if (microphone.lost() != lost) {
      lost = microphone.lost();
      printk("lost %u samples so far\n", (unsigned)lost);
    }
  }
}
