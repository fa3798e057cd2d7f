/*
 * Identifies the clock that loop_now_ms reads: the clock of one boot of one machine (and of one time
 * namespace, if this process is in its own). Processes with the same id read the same clock, also if one
 * starts after the other has ended.
 */
#ifndef CORRAL_COMMON_IO_BOOT_CLOCK_H
#define CORRAL_COMMON_IO_BOOT_CLOCK_H

#define BOOT_CLOCK_ID_MAX 96

/* Empty if the kernel does not say; an empty id equals no other. */
void boot_clock_id(char out[static BOOT_CLOCK_ID_MAX]);

#endif
