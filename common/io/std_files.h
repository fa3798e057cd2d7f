/*
 * Standard input, output and error, where anyone who began this process left one of them closed: the next
 * file or socket would take its number, and what is printed or logged would go into it. Each gets a place
 * holder that fails as a closed one does, so that who writes still hears of it.
 */
#ifndef CORRAL_COMMON_STD_FILES_H
#define CORRAL_COMMON_STD_FILES_H

/* First of all in main. Aborts where there is no /dev/null. */
void std_files_hold(void);

#endif
