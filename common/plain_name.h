/*
 * Names that people read: of sandboxes, users and keys. What is not seen, or turns what is seen, could make
 * one name look like another, and has no place in them: controls (C0, DEL, C1), what Unicode calls format
 * characters (Cf: bidirectional overrides, zero-width ones, tags), separators of lines and paragraphs, other
 * characters that are ignored when they are shown (Default_Ignorable_Code_Point, Unicode 15; but for
 * variation selectors, which emoji have, where they do not come first). No name begins or ends with a blank
 * (Zs), so none is of blanks alone.
 */
#ifndef CORRAL_COMMON_PLAIN_NAME_H
#define CORRAL_COMMON_PLAIN_NAME_H

/* What is wrong with it, a sentence's end; NULL: nothing. name: UTF-8; an empty one is right. Static. */
const char *plain_name_wrong(const char *name);

/* The same as a regular expression (ECMA 262), of what lies in the Basic Multilingual Plane. */
#define PLAIN_NAME_UNSEEN                                                                                    \
    "\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2"  \
    "\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-"                      \
    "\\u206f\\u3164\\ufeff\\uffa0"                                                                           \
    "\\ufff0-\\ufffb"
#define PLAIN_NAME_BLANK "\\u0020\\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u2800\\u3000"
#define PLAIN_NAME_PATTERN                                                                                   \
    "^([^" PLAIN_NAME_UNSEEN PLAIN_NAME_BLANK "\\ufe00-\\ufe0f]([^" PLAIN_NAME_UNSEEN                        \
    "]*[^" PLAIN_NAME_UNSEEN PLAIN_NAME_BLANK "])?)?$"

#endif
