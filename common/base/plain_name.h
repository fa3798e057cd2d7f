/*
 * Names that people read: of sandboxes, users and keys. Characters that are invisible, or that change how
 * others are shown, could make one name look like another, so a name may not hold them. These are: controls
 * (C0, DEL, C1), Unicode's format characters (Cf: bidirectional overrides, zero-width characters, tags), line
 * and paragraph separators, and other characters that are ignored when shown (Default_Ignorable_Code_Point,
 * Unicode 15). Exceptions: variation selectors, which emoji use, are allowed except as the first character;
 * the two joiners are allowed where they have a visible effect: between Arabic letters that would join, as in
 * Persian (U+200C), between emoji that form one (U+200D), and after a virama. No name begins or ends with a
 * blank (Zs), so no name consists of blanks alone.
 */
#ifndef CORRAL_COMMON_BASE_PLAIN_NAME_H
#define CORRAL_COMMON_BASE_PLAIN_NAME_H

/* Returns what is wrong with the name, as the end of a sentence, or NULL if it is valid. name: UTF-8; an
 * empty one is valid. Static. */
const char *plain_name_wrong(const char *name);

/* The same rule as a regular expression (ECMA 262), for characters of the Basic Multilingual Plane. */
#define PLAIN_NAME_UNSEEN                                                                                    \
    "\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2"  \
    "\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-"                      \
    "\\u206f\\u3164\\ufeff\\uffa0"                                                                           \
    "\\ufff0-\\ufffb"
#define PLAIN_NAME_BLANK "\\u0020\\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u2800\\u3000"
#define PLAIN_NAME_BOTH_SIDES                                                                                \
    "\\u0620\\u0626\\u0628\\u062a-\\u062e\\u0633-\\u063f\\u0641-\\u0647\\u0649\\u064a\\u066e\\u066f\\u0678-" \
    "\\u0687"                                                                                                \
    "\\u069a-\\u06bf\\u06c1\\u06c2\\u06cc\\u06ce\\u06d0\\u06d1\\u06fa-\\u06fc\\u06ff"
#define PLAIN_NAME_RIGHT_SIDE                                                                                \
    "\\u0622-\\u0625\\u0627\\u0629\\u062f-\\u0632\\u0648\\u0671-\\u0673\\u0675-\\u0677\\u0688-"              \
    "\\u0699\\u06c0\\u06c3-"                                                                                 \
    "\\u06cb\\u06cd\\u06cf\\u06d2\\u06d3\\u06d5\\u06ee\\u06ef"
#define PLAIN_NAME_VIRAMA                                                                                    \
    "\\u094d\\u09cd\\u0a4d\\u0acd\\u0b4d\\u0bcd\\u0c4d\\u0ccd\\u0d4d\\u0dca\\u0f84\\u1039\\u103a\\u17d2\\u1" \
    "b44\\ua9c0"
#define PLAIN_NAME_MARKS "[\\u064b-\\u065f\\u0670]*"
#define PLAIN_NAME_PICTURE                                                                                   \
    "[\\u2194\\u2195\\u2600-\\u27bf\\u2b05-\\u2b07\\u2b1b\\u2b1c\\u2b50\\u2b55]|[^\\u0000-\\uffff]"
#define PLAIN_NAME_PICTURES "(" PLAIN_NAME_PICTURE ")(\\ufe0f|[^\\u0000-\\uffff])?"
#define PLAIN_NAME_JOINED                                                                                    \
    "[" PLAIN_NAME_VIRAMA "][\\u200c\\u200d]|([" PLAIN_NAME_BOTH_SIDES "]" PLAIN_NAME_MARKS                  \
    "\\u200c)+[" PLAIN_NAME_BOTH_SIDES PLAIN_NAME_RIGHT_SIDE "]|" PLAIN_NAME_PICTURES                        \
    "(\\u200d" PLAIN_NAME_PICTURES ")+|"
#define PLAIN_NAME_PATTERN                                                                                   \
    "^((" PLAIN_NAME_JOINED "[^" PLAIN_NAME_UNSEEN PLAIN_NAME_BLANK "\\ufe00-\\ufe0f])((" PLAIN_NAME_JOINED  \
    "[^" PLAIN_NAME_UNSEEN "])*(" PLAIN_NAME_JOINED "[^" PLAIN_NAME_UNSEEN PLAIN_NAME_BLANK "]))?)?$"

#endif
