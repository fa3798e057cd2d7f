/* The two directions of corral cp; cmd_cp.c decides which, and by which names. */
#ifndef CORRAL_CLI_CP_H
#define CORRAL_CLI_CP_H

#include "cli/cli.h"

/* A path in a sandbox. */
struct cp_place {
    const char *id;
    const char *path; /* absolute */
    bool admin_access, auto_resume;
};

/* The path of a request about the place: kind is "files" or "archive"; more is added to its query. The
 * caller's. */
char *cp_url(const struct cp_place *place, const char *kind, const char *more);

/* --- into a sandbox (cp_in.c) --- */

/* A file becomes the file at the place, with its permission bits. */
int cp_in_file(struct cli *cli, const char *file, const struct cp_place *place) MUST_CHECK;

/* All that is in the folder comes into the folder at the place. */
int cp_in_folder(struct cli *cli, const char *folder, const struct cp_place *place) MUST_CHECK;

/* The tar archive on standard input is unpacked into the folder at the place. */
int cp_in_archive(struct cli *cli, const struct cp_place *place) MUST_CHECK;

/* --- out of a sandbox (cp_out.c); its bytes are not trusted --- */

/* The file at the place becomes this file. */
int cp_out_file(struct cli *cli, const struct cp_place *place, const char *file) MUST_CHECK;

/* All that is in the folder at the place comes into this folder, which is made if it is missing, and nowhere
 * else. */
int cp_out_folder(struct cli *cli, const struct cp_place *place, const char *folder) MUST_CHECK;

/* A tar archive of the place goes to standard output. */
int cp_out_archive(struct cli *cli, const struct cp_place *place) MUST_CHECK;

#endif
