/*
 * Which clock loop_now_ms shows: that of one boot of one machine (and of one time namespace, where this
 * process is in another). Two processes that have the same id read the same clock, also one after the other.
 */
#ifndef CORRAL_COMMON_BOOT_CLOCK_H
#define CORRAL_COMMON_BOOT_CLOCK_H

#define BOOT_CLOCK_ID_MAX 96

/* Empty where the kernel does not say: then it is nobody else's. */
void boot_clock_id(char out[static BOOT_CLOCK_ID_MAX]);

#endif
