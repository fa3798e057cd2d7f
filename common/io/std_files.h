/*
 * Occupies standard input, output and error if the parent process left one of them closed. Otherwise the next
 * file or socket would get its number, and printed or logged text would go into it. What occupies it
 * fails on use as a closed descriptor does, so a writer still gets an error.
 */
#ifndef CORRAL_COMMON_IO_STD_FILES_H
#define CORRAL_COMMON_IO_STD_FILES_H

/* Call first in main. Aborts if there is no /dev/null. */
void std_files_hold(void);

#endif
