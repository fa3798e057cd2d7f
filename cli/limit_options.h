/* Options of common/model/limit.def, by the unit of a limit; for LIMIT of the including file. */
#ifndef CORRAL_CLI_LIMIT_OPTIONS_H
#define CORRAL_CLI_LIMIT_OPTIONS_H

#include "cli/cli.h"

#include "common/model/sandbox_spec.h"

#define LIMIT_OPTION(option, letter, UNIT, name, help) {option, letter, OPTION_##UNIT, #name, help},
#define OPTION_BYTES                                   OPT_BYTES, "SIZE"
#define OPTION_MILLIS                                  OPT_CPU, "CPU"
#define OPTION_COUNT                                   OPT_NUMBER, "N"

#endif
